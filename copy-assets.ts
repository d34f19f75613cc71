// The last step of the build: what the compiler leaves behind because it is not TypeScript.

import { cpSync, globSync } from "node:fs";

for (const file of globSync("src/**/*.{sql,lua,html,css,js}")) cpSync(file, `dist/${file}`);
