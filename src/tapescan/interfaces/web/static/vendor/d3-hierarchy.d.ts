export const hierarchy: any;
export const treemap: any;
export const treemapSquarify: any;
