/** A case is a file whose added lines start with `+`; the holes are shown in it as ├ ┤. */
import { expect, test } from "vitest";
import { type AddedRun, cutHoles, type Draw } from "./holes.ts";
import { languageOf, languages } from "./languages.ts";
import { readSyntax } from "./syntax.ts";

const longest: Draw = (_row, _low, high) => high;
const shortest: Draw = (_row, low) => low;

/** The text with its holes marked, then the reasons for those that were not cut. */
async function cut(path: string, marked: string, draw: Draw): Promise<string> {
	const lines = marked.split("\n");
	const text = lines.map((line) => line.slice(1)).join("\n");
	const runs: AddedRun[] = [];
	for (const [row, line] of lines.entries()) {
		if (!line.startsWith("+")) continue;
		const last = runs.at(-1);
		if (last && last.row + last.lines === row) runs[runs.length - 1] = { row: last.row, lines: last.lines + 1 };
		else runs.push({ row, lines: 1 });
	}
	const language = languageOf(path);
	const syntax = language && (await readSyntax(text, language));
	if (!syntax) throw new Error(`${path} was not read`);
	let shown = text;
	const faults: string[] = [];
	for (const hole of cutHoles(syntax, runs, draw).reverse()) {
		if (typeof hole === "string") faults.unshift(hole);
		else shown = `${shown.slice(0, hole.start)}├${shown.slice(hole.start, hole.end)}┤${shown.slice(hole.end)}`;
	}
	return [shown, ...faults].join("\n");
}

interface Case {
	readonly name: string;
	readonly path?: string;
	readonly draw?: Draw;
	readonly marked: string;
	readonly expected: string;
}

const pad = "     int p = 1; int q = 2; int r = 3; int s = 4; int t = 5; int u = 6; int v = 7;";

const cases: Case[] = [
	{
		name: "the longest hole leaves the block's first token",
		marked: ` class A {\n   void f() {\n${pad}\n+    int count = size();\n+    use(count);\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    int ├count = size();\n    use(count);┤\n  }\n}`,
	},
	{
		name: "the shortest hole has three tokens",
		draw: shortest,
		marked: ` class A {\n   void f() {\n${pad}\n+    int count = size();\n+    use(count);\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    int count = size();\n    use(├count);┤\n  }\n}`,
	},
	{
		name: "neither signature nor last line are masked when a whole class is new",
		draw: shortest,
		marked: "+class A {\n+  final int size;\n+  @Override\n+  int f(int a,\n+        int b) {\n+    return a + b * 2;\n+  }\n+}",
		expected: "class A {\n  final int size;\n  @Override\n  int f(int a,\n        int b) {\n    return a + b ├* 2;┤\n  }\n}",
	},
	{
		name: "constructors are functions, fields are not",
		draw: shortest,
		marked: "+class A {\n+  int size = start(1, 2);\n+  A(int size) {\n+    this.size = size;\n+  }\n+}",
		expected: "class A {\n  int size = start(1, 2);\n  A(int size) {\n    this.size ├= size;┤\n  }\n}",
	},
	{
		name: "methods without a body have nothing to mask",
		marked: "+interface A {\n+  int f(int a, int b);\n+}",
		expected: "interface A {\n  int f(int a, int b);\n}",
	},
	{
		name: "a block has three lines, and blank lines and lone braces do not count",
		draw: shortest,
		marked: ` class A {\n   void f() {\n${pad}\n+    one(1);\n+\n+    if (a) {\n+      two(2);\n+    }\n+    three(3);\n+    four(4);\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    one(1);\n\n    if (a) {\n      two(2├);\n    }┤\n    three(3);\n    four(├4);┤\n  }\n}`,
	},
	{
		name: "a hole has at most three lines",
		marked: ` class A {\n   void f() {\n${pad}\n+    one(\n+\n+    1);\n+    a.b();\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    one(\n\n    ├1);\n    a.b();┤\n  }\n}`,
	},
	{
		name: "comments end a block and are never masked",
		draw: shortest,
		marked: ` class A {\n   void f() {\n${pad}\n+    one(1);\n+    // why\n+    two(2); /* this */\n+    three(3);\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    one(├1);┤\n    // why\n    two(2); /* this */\n    three(├3);┤\n  }\n}`,
	},
	{
		name: "a string is one token",
		draw: shortest,
		marked: ` class A {\n   void f() {\n${pad}\n+    say("hello " + "wide world");\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    say("hello " + ├"wide world");┤\n  }\n}`,
	},
	{
		name: "a string that goes on after the added lines",
		path: "a.py",
		marked: " def f():\n     a = b + c + d + e + f + g + h\n+    say(one, two, '''\n     more''')\n     return 1",
		expected: "def f():\n    a = b + c + d + e + f + g + h\n    say(one, two, '''\n    more''')\n    return 1\nunfinished",
	},
	{
		name: "fewer than four tokens",
		marked: ` class A {\n   void f() {\n${pad}\n+    a++;\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    a++;\n  }\n}\ntooShort`,
	},
	{
		name: "most of the function",
		marked: " class A {\n   void f() {\n+    one(1, 2, 3, 4, 5, 6);\n   }\n }",
		expected: "class A {\n  void f() {\n    one(1, 2, 3, 4, 5, 6);\n  }\n}\nmostOfFunction",
	},
	{
		name: "a syntax error in the hole, and one elsewhere",
		draw: shortest,
		marked: ` class A {\n   void f() {\n${pad}\n+    one(1, %% );\n   }\n   void g() {\n${pad}\n+    two(2, 3);\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    one(1, %% );\n  }\n  void g() {\n${pad.slice(1)}\n    two(2, ├3);┤\n  }\n}\nsyntaxError`,
	},
	{
		name: "an anonymous class: its methods are functions of their own",
		draw: shortest,
		marked: ` class A {\n   void f() {\n${pad}\n+    run(new Runnable() {\n+      @Override public void run() {\n+        int a = 1;\n+        one(a, 2);\n+      }\n+    });\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    run(new Runnable├() {┤\n      @Override public void run() {\n        int a = 1;\n        one(a, ├2);┤\n      }\n    });\n  }\n}\ntooShort`,
	},
	{
		name: "a lambda is part of the function around it",
		draw: shortest,
		marked: ` class A {\n   void f() {\n${pad}\n+    run(() -> {\n+      one(1, 2);\n+    });\n   }\n }`,
		expected: `class A {\n  void f() {\n${pad.slice(1)}\n    run(() -> {\n      one(1, 2);\n    ├});┤\n  }\n}`,
	},
	{
		name: "lines far apart are blocks of their own",
		draw: shortest,
		marked: ` class A {\n   void f() {\n+    one(1);\n${pad}\n+    two(2);\n   }\n }`,
		expected: `class A {\n  void f() {\n    one(├1);┤\n${pad.slice(1)}\n    two(├2);┤\n  }\n}`,
	},
	{
		name: "python: the body begins below the signature, the last line stays",
		path: "a.py",
		draw: shortest,
		marked: "+def f(a: int,\n+      b: int) -> int:\n+    c = a + b\n+    log(c)\n+    return c",
		expected: "def f(a: int,\n      b: int) -> int:\n    c = a + b\n    log├(c)┤\n    return c",
	},
	{
		name: "typescript: a nameless function outside every other is a scope",
		path: "a.ts",
		draw: shortest,
		marked: "+export const f = (a: number) => {\n+\tconst b = a * 2;\n+\tuse(b);\n+\treturn b;\n+};",
		expected: "export const f = (a: number) => {\n\tconst b = a * 2;\n\tuse(b);\n\t├return b;┤\n};",
	},
];

test.each(cases)("$name", async ({ path = "A.java", draw = longest, marked, expected }) => {
	expect(await cut(path, marked, draw)).toBe(expected);
});

// One function in each language: the grammar loads, and its functions and bodies are called what the table says.
const bodies: Record<string, string> = {
	java: "+class A {\n+void f() {\n+int a = b(1);\n+int c = d(2);\n+}\n+}",
	python: "+def f():\n+  a = b(1)\n+  c = d(2)\n+  return c",
	typescript: "+function f(): void {\n+const a: number = b(1);\n+const c = d(2);\n+}",
	typescriptreact: "+function f() {\n+const a = <p>{b}</p>;\n+const c = d(2);\n+}",
	javascript: "+class A { f() {\n+const a = b(1);\n+const c = d(2);\n+}}",
	javascriptreact: "+function f() {\n+const a = <p>{b}</p>;\n+const c = d(2);\n+}",
	go: "+package p\n+func f() {\n+a := b(1)\n+c := d(2)\n+}",
	rust: "+fn f() {\n+let a = b(1);\n+let c = d(2);\n+}",
	cpp: "+int f() {\n+int a = b(1);\n+int c = d(2);\n+}",
	csharp: "+class A {\n+void F() {\n+int a = b(1);\n+int c = d(2);\n+}\n+}",
	ruby: "+def f\n+a = b(1)\n+c = d(2)\n+end",
	php: "+<?php\n+function f() {\n+$a = b(1);\n+$c = d(2);\n+}",
};

test.each(languages.flatMap(({ id, extensions }) => extensions.map((extension) => [id, extension] as const)))(
	"%s in a file named *%s",
	async (id, extension) => {
		const shown = await cut(`src/a${extension}`, bodies[id] ?? "", shortest);
		expect(shown).toMatch(/d├\(2\)┤|d\(├2\);┤/);
	},
);

test("code that nests deeper than the call stack is read", async () => {
	const terms = Array.from({ length: 20_000 }, () => "a").join(" + ");
	expect(await cut("A.java", ` class A {\n   void f() {\n     int s = ${terms};\n+    use(1, 2);\n   }\n }`, shortest)).toContain("use(1, ├2);┤");
});

test.each(["README.md", "Makefile", ".py", "a.java.txt", "src.java/a", "a"])("%s is not mined", (path) => {
	expect(languageOf(path)).toBeUndefined();
});
