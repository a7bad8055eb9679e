import type { Verdict } from "./judge.ts";
import type { Refreshed } from "./refresh.ts";

/** A refresh for a person to read. */
export function describeRefresh({ organization, mined, instances, summary, verdicts, seconds }: Refreshed): string {
	const lines = mined.map(
		({ repository, commits, instances: fresh, vanished, seconds: took }) =>
			`${repository}: ${fresh} instances from ${commits} new commits in ${took.toFixed(1)} s${vanished === 0 ? "" : `; history was rewritten, ${vanished} commits dropped`}`,
	);
	lines.push(`${organization}: ${instances} instances; ${summary} (${Math.round(seconds)} s)`);
	if (verdicts.length > 0)
		lines.push(
			"",
			...table(verdicts),
			"",
			...verdicts.map(({ name, gate }) => `${gate.decision === "promote" ? "promoted" : "refused "} ${name}: ${gate.reason}`),
		);
	return `${lines.join("\n")}\n`;
}

/** Exact match of every stack, on the same held-out instances of each row. */
function table(verdicts: readonly Verdict[]): string[] {
	const rows = verdicts.map(({ kind, name, trained, exact, gate, milliseconds }) => {
		const share = (count: number | undefined): string => (count === undefined ? "-" : `${((100 * count) / gate.base.instances).toFixed(1)} %`);
		const { base } = gate;
		return [
			kind,
			name,
			String(trained),
			String(base.instances),
			share(exact["base"]),
			share(exact["control"]),
			kind === "organization" ? share(exact["candidate"]) : share(exact["organization"]),
			kind === "developer" ? share(exact["candidate"]) : "-",
			share(exact["served"]),
			`+${base.won} -${base.lost}`,
			base.pValue < 0.0001 ? "< 0.0001" : base.pValue.toFixed(4),
			`${base.interval[0].toFixed(1)} to ${base.interval[1].toFixed(1)}`,
			gate.decision,
			`${milliseconds} ms`,
		];
	});
	const header = [
		"candidate",
		"of",
		"trained on",
		"held out",
		"base",
		"foreign control",
		"organization",
		"developer",
		"served before",
		"pairs vs base",
		"p",
		"95 % interval",
		"gate",
		"median answer",
	];
	const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
	const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
	return [line(header), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)];
}
