// Unpacks the browser with its fonts and libraries into the folder that TMPDIR names.
process.env.AWS_EXECUTION_ENV = "nodejs24.x"; // else the package leaves its libraries out
const { default: chromium } = await import("@sparticuz/chromium");
await chromium.executablePath();
