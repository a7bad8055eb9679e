import { describe, expect, it } from "vitest";
import { authorKey } from "./identity.ts";
import { type Identity, type ServedStacks, stackCandidates } from "./stack.ts";

const secret = new Uint8Array(32);
const ada = authorKey("ada@acme.example", secret);
const bruno = authorKey("bruno@acme.example", secret);
const adaAtHome = authorKey("ada@home.example", secret);

const served: ServedStacks = {
	organizations: {
		acme: { current: "acme-1", remotes: ["git.acme.example/team/shop"], developers: { [ada]: { current: "ada-1" }, [bruno]: { current: null } } },
		empty: { current: null, remotes: ["git.empty.example/a/b"], developers: {} },
	},
	aliases: { [adaAtHome]: ada },
};

const nobody: Identity = { author: null, organization: null, remotes: [] };

describe("stack candidates, best first", () => {
	it.each<[string, Partial<Identity>, string[], string]>([
		["remote and developer", { author: ada, remotes: ["git.acme.example/team/shop"] }, ["ada-1", "acme-1", "base"], "has a developer adapter"],
		["an alias of the developer", { author: adaAtHome, remotes: ["git.acme.example/team/shop"] }, ["ada-1", "acme-1", "base"], "has a developer adapter"],
		["known author without an adapter", { author: bruno }, ["acme-1", "base"], "the author is known to acme"],
		["unknown author in the organization's repository", { remotes: ["git.acme.example/team/shop"] }, ["acme-1", "base"], "no author is known"],
		["a setting wins over the remote", { organization: "empty", remotes: ["git.acme.example/team/shop"] }, ["base"], "set to empty, but nothing is published"],
		["an organization with nothing published", { remotes: ["git.empty.example/a/b"] }, ["base"], "but nothing is published"],
		["nothing known", {}, ["base"], "neither a setting"],
	])("%s", (_name, identity, adapters, why) => {
		const candidates = stackCandidates(served, { ...nobody, ...identity });
		expect(candidates.map(({ adapter }) => adapter ?? "base")).toEqual(adapters);
		expect(candidates[0]?.why).toContain(why);
	});

	it("says that an empty registry holds nothing", () => {
		expect(stackCandidates({ organizations: {}, aliases: {} }, nobody)).toMatchObject([{ kind: "base", why: "the registry holds no organization" }]);
	});
});
