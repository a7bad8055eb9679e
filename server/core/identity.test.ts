import { expect, test } from "vitest";
import { authorKey, canonicalEmail, emailDomain, formatIdent, normalizeRemote, parseIdent } from "./identity.ts";

test.each([
	["Ada Lovelace <ada@acme.example>", { name: "Ada Lovelace", email: "ada@acme.example" }],
	["Ada Lovelace <ada@acme.example> 1700000000 +0000", { name: "Ada Lovelace", email: "ada@acme.example" }],
	["Ada <ada@acme.example> 1700000000 -0730\n", { name: "Ada", email: "ada@acme.example" }],
	["<ada@acme.example>", { name: "", email: "ada@acme.example" }],
	["Ada <>", { name: "Ada", email: "" }],
	["Łukasz Żak < l@acme.example >", { name: "Łukasz Żak", email: "l@acme.example" }],
	["Ada", null],
	["ada@acme.example", null],
	["Ada <ada@acme.example> and more", null],
	["Ada <a<b>", null],
	["", null],
])("parseIdent(%j)", (text, expected) => {
	expect(parseIdent(text)).toEqual(expected);
});

test("an ident that was read is written the same", () => {
	const text = "Ada Lovelace <ada@acme.example>";
	const ident = parseIdent(text);
	expect(ident && formatIdent(ident)).toBe(text);
});

test.each([
	["https://github.com/apache/commons-io.git", "github.com/apache/commons-io"],
	["https://github.com/apache/commons-io", "github.com/apache/commons-io"],
	["https://github.com/apache/commons-io/", "github.com/apache/commons-io"],
	["https://user:secret@GitHub.com:8443/apache/commons-io.git/", "github.com/apache/commons-io"],
	["http://git.acme.example/a/b/c.git", "git.acme.example/a/b/c"],
	["ssh://git@github.com:22/apache/commons-io.git", "github.com/apache/commons-io"],
	["ssh://git@[2001:db8::1]:22/a/b.git", "[2001:db8::1]/a/b"],
	["git@github.com:apache/commons-io.git", "github.com/apache/commons-io"],
	["github.com:apache/commons-io", "github.com/apache/commons-io"],
	["git@github.com:/apache/commons-io.git", "github.com/apache/commons-io"],
	["git://kernel.example/linux.git", "kernel.example/linux"],
	["/srv/git/commons-io.git", null],
	["../commons-io", null],
	["./a:b/c", null],
	["file:///srv/git/commons-io.git", null],
	["C:\\git\\commons-io", null],
	["C:/git/commons-io", null],
	["https://github.com/", null],
	["", null],
])("normalizeRemote(%j) is %j", (url, expected) => {
	expect(normalizeRemote(url)).toBe(expected);
});

test.each([
	["Ada@ACME.example ", "acme.example"],
	["odd@name@acme.example", "acme.example"],
	["nobody", null],
	["nobody@", null],
	["", null],
])("emailDomain(%j) is %j", (email, expected) => {
	expect(emailDomain(email)).toBe(expected);
});

test("an author key depends on the canonical address and on the secret, and shows neither", () => {
	const secret = new Uint8Array(32).fill(7);
	const key = authorKey("ada@acme.example", secret);
	expect(key).toMatch(/^[0-9a-f]{32}$/);
	expect(canonicalEmail(" Ada@Acme.Example\n")).toBe("ada@acme.example");
	expect(authorKey(" Ada@Acme.Example\n", secret)).toBe(key);
	expect(authorKey("bruno@acme.example", secret)).not.toBe(key);
	expect(authorKey("ada@acme.example", new Uint8Array(32).fill(8))).not.toBe(key);
});
