import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readWhole } from '../blob/blob.ts';
import { AssayError, FormatError, LimitError, UnsupportedError, describeError } from '../errors.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { isFile } from './files.ts';
import type { InstalledPackage } from './package.ts';
import { parseRpmHeader } from './rpm-header.ts';

/** Fedora 36, RHEL 10 and SUSE moved the database under /usr. */
const directories = ['/usr/lib/sysimage/rpm', '/var/lib/rpm'];
const databaseLimitInBytes = 256 * 1024 * 1024;
const maximumPackages = 50_000;

/**
 * The packages in rpm's database of the kind sqlite (rpm 4.16 and later, RHEL 9). Undefined when there is no database.
 * @throws UnsupportedError for the older kinds: Berkeley DB (RHEL 8) and ndb (SUSE)
 * @throws FormatError when sqlite or a header cannot be read
 */
export async function readRpmDatabase(fs: FileSystem): Promise<InstalledPackage[] | undefined> {
  for (const directory of directories) {
    const path = `${directory}/rpmdb.sqlite`;
    if (await isFile(fs, path)) return readSqlite(fs, path);
  }
  for (const directory of directories) {
    if (await isFile(fs, `${directory}/Packages.db`))
      throw unsupported(fs, `${directory}/Packages.db`, 'ndb');
    if (await isFile(fs, `${directory}/Packages`))
      throw unsupported(fs, `${directory}/Packages`, 'Berkeley DB');
  }
  return undefined;
}

function unsupported(fs: FileSystem, path: string, kind: string): UnsupportedError {
  return new UnsupportedError(
    `${fs.origin} › ${path}: an rpm database of the kind ${kind}; sqlite can be read`,
  );
}

async function readSqlite(fs: FileSystem, path: string): Promise<InstalledPackage[]> {
  const origin = `${fs.origin} › ${path}`;
  const bytes = Buffer.from(await readWhole(await fs.open(path), databaseLimitInBytes));
  if (bytes.toString('latin1', 0, 15) !== 'SQLite format 3' || bytes.length < 512) {
    throw new FormatError(`${origin}: ${bytes.length} bytes that are no sqlite database`);
  }
  // What a write-ahead log holds is not yet in the database: sqlite itself has to bring them together, in files.
  const log = (await isFile(fs, `${path}-wal`)) ? await fs.open(`${path}-wal`) : undefined;
  try {
    if (log === undefined || log.sizeInBytes === 0) return query(inMemory(bytes), origin, path);
    const directory = await mkdtemp(join(tmpdir(), 'ironic-assay-rpmdb-'));
    try {
      await writeFile(join(directory, 'rpmdb.sqlite'), bytes, { mode: 0o600 });
      await writeFile(join(directory, 'rpmdb.sqlite-wal'), await readWhole(log, databaseLimitInBytes), {
        mode: 0o600,
      });
      return query(new DatabaseSync(join(directory, 'rpmdb.sqlite')), origin, path);
    } finally {
      await rm(directory, { recursive: true });
    }
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    throw new FormatError(`${origin}: sqlite cannot read it: ${describeError(cause)}`, { cause });
  }
}

/** https://www.sqlite.org/fileformat.html: bytes 18 and 19 are the write and read version, 2 for a write-ahead log. */
function inMemory(bytes: Buffer): DatabaseSync {
  bytes[18] = 1;
  bytes[19] = 1;
  const database = new DatabaseSync(':memory:', { allowExtension: false });
  database.deserialize(bytes);
  return database;
}

function query(database: DatabaseSync, origin: string, from: string): InstalledPackage[] {
  try {
    // The database is foreign: only a plain table is asked, never a view or a virtual or generated one.
    const table = database
      .prepare(`SELECT sql FROM sqlite_schema WHERE name = 'Packages' AND type = 'table'`)
      .get();
    const sql = String(table?.['sql'] ?? '');
    if (!/^CREATE TABLE\s+['"]?Packages['"]?\s*\(/i.test(sql) || /\b(GENERATED|AS)\b/i.test(sql)) {
      throw new FormatError(`${origin}: no table Packages: ${sql.slice(0, 100) || 'nothing of that name'}`);
    }
    const packages: InstalledPackage[] = [];
    for (const row of database.prepare('SELECT hnum, blob FROM Packages').iterate()) {
      if (packages.length >= maximumPackages)
        throw new LimitError(`${origin}: more than ${maximumPackages} packages`);
      const { hnum, blob } = row;
      if (!(blob instanceof Uint8Array))
        throw new FormatError(`${origin}: package ${String(hnum)} is no header`);
      packages.push({ ...parseRpmHeader(blob, `${origin}, package ${String(hnum)}`), from });
    }
    return packages;
  } finally {
    database.close();
  }
}
