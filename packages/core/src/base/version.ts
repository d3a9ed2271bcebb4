/** The package's version; the release script keeps it equal to package.json, and a test checks that. */
export const version = '0.1.0';
