/*
 * Prints what an installation from the packed tarballs takes, by package, and writes it into docs/dependencies.md.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install, installedSizes, packAll, sizesTable } from './packed.ts';

const path = 'docs/dependencies.md';
const marked = /(<!-- npm run installed-sizes -->\n)[\s\S]*?(<!-- end -->)/;

const [tarballs, project] = ['tarballs', 'project'].map((name) => mkdtempSync(join(tmpdir(), `graft-${name}-`)));
try {
  const packed = packAll('.', tarballs!);
  install(
    packed.filter((file) => !file.includes('-web-')),
    project!,
  );
  const table = sizesTable(installedSizes(project!));
  console.log(table);
  writeFileSync(path, readFileSync(path, 'utf8').replace(marked, `$1\n${table}\n\n$2`));
} finally {
  for (const folder of [tarballs!, project!]) rmSync(folder, { recursive: true });
}
