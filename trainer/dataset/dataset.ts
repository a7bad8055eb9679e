/**
 * Instances at rest: a folder of Parquet files, one sub-folder for each append. Queries are SQL and state their order.
 *
 *     dataset/<time>-<random>/000000.parquet 000001.parquet …
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";
import { Fault } from "../../server/core/fault.ts";
import { fingerprint } from "./fingerprint.ts";
import type { Instance } from "./instance.ts";

export interface Selection {
	readonly organization?: string;
	readonly author?: string;
	/** Commit dates: up to and including this one, so that a commit is never split. */
	readonly until?: string;
	/** Strictly later than this one. */
	readonly after?: string;
	/** At most so many: the newest ones, still oldest first. */
	readonly newest?: number;
	/** At most so many, drawn evenly over all that is selected: ids are digests, so their order is random and repeats. */
	readonly sample?: number;
}

/** What a split needs to know of an instance. */
export interface TimelineEntry {
	readonly id: string;
	readonly commitDate: string;
	readonly author: string;
}

export interface AuthorCount {
	readonly author: string;
	readonly instances: number;
}

const columns = [
	["id", "VARCHAR"],
	["organization", "VARCHAR"],
	["repository", "VARCHAR"],
	["commit", "VARCHAR"],
	["path", "VARCHAR"],
	["language", "VARCHAR"],
	["author", "VARCHAR"],
	["authorDate", "VARCHAR"],
	["commitDate", "VARCHAR"],
	["blob", "VARCHAR"],
	["holeStart", "INTEGER"],
	["holeEnd", "INTEGER"],
	["prefix", "VARCHAR"],
	["suffix", "VARCHAR"],
	["target", "VARCHAR"],
	["targetTokens", "INTEGER"],
	["scopeStart", "INTEGER"],
	["scopeEnd", "INTEGER"],
] as const satisfies readonly (readonly [keyof Instance, "VARCHAR" | "INTEGER"])[];

/** Instances held in memory before they go to a file: up to 24 KB each. */
const rowsPerFile = 2_000;

export async function openDataset(folder: string): Promise<Dataset> {
	await mkdir(folder, { recursive: true });
	// What does not fit in memory while it is sorted goes here, not into the current folder.
	const instance = await DuckDBInstance.create(":memory:", { temp_directory: join(folder, ".spill") });
	return new Dataset(folder, await instance.connect());
}

export class Dataset implements Disposable {
	readonly #folder: string;
	readonly #connection: DuckDBConnection;

	constructor(folder: string, connection: DuckDBConnection) {
		this.#folder = folder;
		this.#connection = connection;
	}

	/** Adds all of them or, when the source or the disk fails, none. Returns how many there were. */
	async append(instances: AsyncIterable<Instance> | Iterable<Instance>): Promise<number> {
		const name = `${Date.now()}-${randomUUID().slice(0, 8)}`;
		const building = join(this.#folder, `.${name}`);
		await mkdir(building);
		try {
			const count = await this.#write(instances, building);
			if (count > 0) await rename(building, join(this.#folder, name));
			return count;
		} finally {
			await rm(building, { recursive: true, force: true });
		}
	}

	/** Forgets what was mined from these commits of a repository, or from all of them. Returns how many instances that were. */
	async dropCommits(repository: string, commits: readonly string[] | "all"): Promise<number> {
		const gone = commits === "all" ? "repository = $repository" : "repository = $repository AND commit IN (SELECT unnest(string_split($commits, chr(10))))";
		const values = commits === "all" ? { repository } : { repository, commits: commits.join("\n") };
		let dropped = 0;
		for (const file of await this.#files()) {
			const [row] = await this.#rows(`SELECT count(*)::INTEGER AS total, count(*) FILTER (${gone})::INTEGER AS gone FROM read_parquet(${quote(file)})`, values);
			const count = Number(row?.["gone"]);
			if (count === 0) continue;
			dropped += count;
			if (count === row?.["total"]) await rm(file);
			else {
				const rest = `${file}.rest`;
				await this.#rows(`COPY (SELECT * FROM read_parquet(${quote(file)}) WHERE NOT (${gone})) TO ${quote(rest)} (FORMAT parquet, COMPRESSION zstd)`, values);
				await rename(rest, file);
			}
		}
		return dropped;
	}

	/** Number of instances, duplicates not counted. */
	async count(selection: Selection = {}): Promise<number> {
		const [row] = await this.#query("count(*)::INTEGER AS instances", selection, "");
		return Number(row?.["instances"] ?? 0);
	}

	/** Every instance's place in time and its author, oldest first: what a split is chosen from. */
	async timeline(selection: Selection = {}): Promise<TimelineEntry[]> {
		const rows = await this.#query("id, author, commit_date", selection, "ORDER BY commit_date, id");
		return rows.map((row) => ({ id: String(row["id"]), author: String(row["author"]), commitDate: String(row["commit_date"]) }));
	}

	/** Instances of each author, the most prolific first. */
	async authors(selection: Selection = {}): Promise<AuthorCount[]> {
		const rows = await this.#query("author, count(*)::INTEGER AS instances", selection, "GROUP BY author ORDER BY instances DESC, author");
		return rows.map((row) => ({ author: String(row["author"]), instances: Number(row["instances"]) }));
	}

	/** Whole instances, oldest first (by commit date, then id), a batch of them at a time. */
	async *select(selection: Selection = {}): AsyncGenerator<Instance> {
		const source = await this.#source(selection);
		if (!source) return;
		const names = columns.map(([name]) => `d.${snake(name)} AS "${name}"`).join(", ");
		const chosen = `SELECT c.id, c.file, c.file_row_number FROM (${source.sql}) c`;
		// The long columns are read for the chosen rows alone.
		const sql = `SELECT ${names} FROM ${source.table} d SEMI JOIN (${chosen}) s ON d.filename = s.file AND d.file_row_number = s.file_row_number ORDER BY d.commit_date, d.id`;
		try {
			const result = await this.#connection.stream(sql, source.values);
			for await (const rows of result.yieldRowObjectJs()) {
				for (const row of rows) yield row as unknown as Instance;
			}
		} catch (error) {
			throw this.#unreadable(error);
		}
	}

	[Symbol.dispose](): void {
		this.#connection.closeSync();
	}

	async #write(instances: AsyncIterable<Instance> | Iterable<Instance>, folder: string): Promise<number> {
		const table = `rows_${randomUUID().replaceAll("-", "")}`;
		const declared = [...columns.map(([name, type]) => `${snake(name)} ${type}`), "fingerprint VARCHAR"].join(", ");
		let count = 0;
		const save = async () => {
			const file = join(folder, `${String(Math.ceil(count / rowsPerFile) - 1).padStart(6, "0")}.parquet`);
			try {
				await this.#connection.run(`COPY (SELECT * FROM ${table} ORDER BY commit_date, id) TO ${quote(file)} (FORMAT parquet, COMPRESSION zstd)`);
			} catch (cause) {
				throw new Fault("environment", `the dataset ${this.#folder} cannot be written (${messageOf(cause)}): make room there, or name another folder`, {
					cause,
				});
			}
		};
		let appender = null;
		try {
			for await (const instance of instances) {
				if (!appender) {
					await this.#connection.run(`CREATE OR REPLACE TEMP TABLE ${table} (${declared})`);
					appender = await this.#connection.createAppender(table);
				}
				for (const [name, type] of columns) {
					if (type === "INTEGER") appender.appendInteger(Number(instance[name]));
					else appender.appendVarchar(String(instance[name]));
				}
				appender.appendVarchar(fingerprint(instance));
				appender.endRow();
				if (++count % rowsPerFile === 0) {
					appender.closeSync();
					appender = null;
					await save();
				}
			}
			if (appender) {
				appender.closeSync();
				await save();
			}
		} finally {
			await this.#connection.run(`DROP TABLE IF EXISTS ${table}`);
		}
		return count;
	}

	async #query(what: string, selection: Selection, rest: string): Promise<Record<string, unknown>[]> {
		const source = await this.#source(selection);
		return source ? this.#rows(`SELECT ${what} FROM (${source.sql}) ${rest}`, source.values) : [];
	}

	/** SQL for the short columns of the selected instances; null when there are no files. */
	async #source(selection: Selection): Promise<{ sql: string; table: string; values: Record<string, DuckDBValue> } | null> {
		const files = await this.#files();
		if (files.length === 0) return null;
		const table = `read_parquet([${files.map(quote).join(", ")}], filename = true, file_row_number = true)`;
		const values: Record<string, DuckDBValue> = {};
		const conditions: string[] = [];
		const given = (condition: string, bound: Record<string, DuckDBValue>) => {
			conditions.push(condition);
			Object.assign(values, bound);
		};
		const { organization, author, until, after, newest, sample } = selection;
		if (author !== undefined) given("author = $author", { author });
		if (until !== undefined) given("commit_date <= $until", { until });
		if (after !== undefined) given("commit_date > $after", { after });
		if (organization !== undefined) values["organization"] = organization;
		// The earliest of several copies stands for them all, before anything is selected: no copy crosses a cut.
		const distinct = `SELECT id, author, commit_date, filename AS file, file_row_number FROM ${table}
			${organization === undefined ? "" : "WHERE organization = $organization"}
			QUALIFY row_number() OVER (PARTITION BY organization, fingerprint ORDER BY commit_date, id, filename, file_row_number) = 1`;
		const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
		let sql = `SELECT * FROM (${distinct}) ${where}`;
		if (newest !== undefined) sql = `SELECT * FROM (${sql}) ORDER BY commit_date DESC, id DESC LIMIT ${newest}`;
		if (sample !== undefined) sql = `SELECT * FROM (${sql}) ORDER BY id LIMIT ${sample}`;
		return { sql, table, values };
	}

	async #rows(sql: string, values: Record<string, DuckDBValue>): Promise<Record<string, unknown>[]> {
		try {
			return (await this.#connection.runAndReadAll(sql, values)).getRowObjectsJS();
		} catch (error) {
			throw this.#unreadable(error);
		}
	}

	#unreadable(cause: unknown): Fault {
		return new Fault("data", `the dataset ${this.#folder} cannot be read (${messageOf(cause)}): remove it and mine its repositories again`, { cause });
	}

	async #files(): Promise<string[]> {
		const found = await readdir(this.#folder, { recursive: true });
		return found
			.filter((name) => name.endsWith(".parquet") && !name.startsWith("."))
			.sort()
			.map((name) => join(this.#folder, name));
	}
}

function snake(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function quote(text: string): string {
	return `'${text.replaceAll("'", "''")}'`;
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
