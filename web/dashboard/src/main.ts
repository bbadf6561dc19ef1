document.title = "IllumiChat";
export {};
