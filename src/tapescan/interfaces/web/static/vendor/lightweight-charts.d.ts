export const createChart: any;
export const CandlestickSeries: any;
export const LineSeries: any;
export const HistogramSeries: any;
export const AreaSeries: any;
export const ColorType: any;
export const CrosshairMode: any;
export const LineStyle: any;
