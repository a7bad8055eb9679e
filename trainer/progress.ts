/** How far a long piece of work is, on stderr: a bar with the time left on a terminal, a line now and then elsewhere, nothing when asked. */
import { SingleBar } from "cli-progress";

export interface Progress {
	readonly done: number;
	/** 0 while it is not known. */
	readonly total: number;
	/** A few words, such as the loss. */
	readonly detail?: string;
}

export type OnProgress = (progress: Progress) => void;

export interface ProgressDisplay extends Disposable {
	/** Opens the next piece of work, named by a few words such as "downloading", and closes the one before. */
	begin(label: string, unit?: "bytes"): OnProgress;
}

type Unit = (amount: number) => string;
interface View extends Disposable {
	readonly show: OnProgress;
}

const lineInterval = 10_000;
const count: Unit = (amount) => String(amount);
const megabytes: Unit = (amount) => `${(amount / 1e6).toFixed(1)} MB`;

export function openProgress(stream: NodeJS.WriteStream, { silent }: { readonly silent: boolean }): ProgressDisplay {
	const open = silent ? openSilence : stream.isTTY ? openBar : openLines;
	let view: View | null = null;
	return {
		begin(label, unit) {
			view?.[Symbol.dispose]();
			view = open(stream, label, unit === "bytes" ? megabytes : count);
			return view.show;
		},
		[Symbol.dispose]() {
			view?.[Symbol.dispose]();
			view = null;
		},
	};
}

function openSilence(): View {
	return { show() {}, [Symbol.dispose]() {} };
}

function openBar(stream: NodeJS.WriteStream, label: string, unit: Unit): View {
	const bar = new SingleBar({
		stream,
		format: `${label} {bar} {percentage} % {amount} {detail} {eta_formatted} left`,
		barsize: 24,
		barCompleteChar: "#",
		barIncompleteChar: "-",
		emptyOnZero: true,
		etaBuffer: 50,
		hideCursor: true,
	});
	return {
		show({ done, total, detail = "" }) {
			const values = { amount: amountOf(done, total, unit), detail };
			if (!bar.isActive) bar.start(total, done, values);
			bar.setTotal(total);
			bar.update(done, values);
		},
		[Symbol.dispose]: () => bar.stop(),
	};
}

function openLines(stream: NodeJS.WriteStream, label: string, unit: Unit): View {
	let first: { at: number; done: number } | null = null;
	let shown = 0;
	return {
		show({ done, total, detail }) {
			const now = Date.now();
			first ??= { at: now, done };
			const complete = total > 0 && done >= total;
			if (now - shown < lineInterval && !complete) return;
			shown = now;
			const left = complete ? undefined : timeLeft(first, { at: now, done }, total);
			stream.write(`${[`${label} ${amountOf(done, total, unit)}`, detail, left].filter(Boolean).join(", ")}\n`);
		},
		[Symbol.dispose]() {},
	};
}

function amountOf(done: number, total: number, unit: Unit): string {
	return total > 0 ? `${unit(done)} of ${unit(total)}` : unit(done);
}

/** From the speed since the work began here: what an earlier run had done already does not count. */
function timeLeft(first: { at: number; done: number }, now: { at: number; done: number }, total: number): string | undefined {
	if (total === 0 || now.done <= first.done) return undefined;
	const seconds = Math.round((((now.at - first.at) / (now.done - first.done)) * (total - now.done)) / 1000);
	if (seconds < 60) return `${seconds} s left`;
	return seconds < 3600 ? `${Math.round(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`;
}
