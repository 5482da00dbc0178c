"""The language of screens: text (`lexing`, `parsing`) to checked expressions (`checking`) to values (`session`,
`earlier`). Nothing of a text reaches an interpreter."""
