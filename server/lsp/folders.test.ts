import { expect, test } from "vitest";
import { folderOf } from "./folders.ts";

test.each([
	["the folder that holds the document", "file:///w/a/x.java", ["file:///w/b", "file:///w/a"], "/w/a"],
	["the innermost of several", "file:///w/a/b/x.java", ["file:///w/a", "file:///w/a/b", "file:///w"], "/w/a/b"],
	["a common beginning is no folder", "file:///w/ab/x.java", ["file:///w/a"], "/w/ab"],
	["a trailing slash", "file:///w/a/x.java", ["file:///w/"], "/w/"],
	["escaped characters", "file:///w/my%20code/d%C3%A9j%C3%A0/x.java", ["file:///w/my%20code"], "/w/my code"],
	["no workspace", "file:///w/a/x.java", [], "/w/a"],
	["a document without a file", "untitled:Untitled-1", ["file:///w/a"], "/w/a"],
	["neither file nor workspace", "untitled:Untitled-1", ["vscode-remote://host/w"], process.cwd()],
])("%s", (_name, document, folders, expected) => {
	expect(folderOf(document, folders)).toBe(expected);
});
