export const SlickGrid: any;
