export function tableFromIPC(bytes: ArrayBuffer | Uint8Array, options?: Record<string, boolean>): any;
