/** What is mined, as data: the grammar behind each file name, and the nodes of it that are functions. */

export interface Language {
	/** LSP language id. */
	readonly id: string;
	readonly extensions: readonly string[];
	/** Name of the tree-sitter grammar. */
	readonly grammar: string;
	/** Node types of functions with a `body` field: the scopes that holes are cut from. */
	readonly functions: readonly string[];
	/** Nameless functions: part of the function around them, a scope of their own only where there is none. */
	readonly lambdas: readonly string[];
}

const ecmaFunctions = ["function_declaration", "generator_function_declaration", "method_definition"];
const ecmaLambdas = ["arrow_function", "function_expression", "generator_function"];

export const languages: readonly Language[] = [
	{
		id: "java",
		extensions: [".java"],
		grammar: "java",
		functions: ["method_declaration", "constructor_declaration", "compact_constructor_declaration"],
		lambdas: ["lambda_expression"],
	},
	{ id: "python", extensions: [".py", ".pyi"], grammar: "python", functions: ["function_definition"], lambdas: ["lambda"] },
	{ id: "typescript", extensions: [".ts", ".mts", ".cts"], grammar: "typescript", functions: ecmaFunctions, lambdas: ecmaLambdas },
	{ id: "typescriptreact", extensions: [".tsx"], grammar: "tsx", functions: ecmaFunctions, lambdas: ecmaLambdas },
	{ id: "javascript", extensions: [".js", ".mjs", ".cjs"], grammar: "javascript", functions: ecmaFunctions, lambdas: ecmaLambdas },
	{ id: "javascriptreact", extensions: [".jsx"], grammar: "javascript", functions: ecmaFunctions, lambdas: ecmaLambdas },
	{ id: "go", extensions: [".go"], grammar: "go", functions: ["function_declaration", "method_declaration"], lambdas: ["func_literal"] },
	{ id: "rust", extensions: [".rs"], grammar: "rust", functions: ["function_item"], lambdas: ["closure_expression"] },
	{ id: "cpp", extensions: [".cc", ".cpp", ".cxx", ".hpp", ".hh"], grammar: "cpp", functions: ["function_definition"], lambdas: ["lambda_expression"] },
	{
		id: "csharp",
		extensions: [".cs"],
		grammar: "c-sharp",
		functions: ["method_declaration", "constructor_declaration", "local_function_statement"],
		lambdas: ["lambda_expression", "anonymous_method_expression"],
	},
	{ id: "ruby", extensions: [".rb"], grammar: "ruby", functions: ["method", "singleton_method"], lambdas: ["block", "do_block", "lambda"] },
	{
		id: "php",
		extensions: [".php"],
		grammar: "php",
		functions: ["function_definition", "method_declaration"],
		lambdas: ["anonymous_function", "arrow_function"],
	},
];

/** Git pathspecs of every mined file name. */
export const minedPathspecs: readonly string[] = languages.flatMap(({ extensions }) => extensions.map((extension) => `*${extension}`));

const byExtension = new Map(languages.flatMap((language) => language.extensions.map((extension) => [extension, language] as const)));

export function languageOf(path: string): Language | undefined {
	const name = path.slice(path.lastIndexOf("/") + 1);
	const dot = name.lastIndexOf(".");
	return dot <= 0 ? undefined : byExtension.get(name.slice(dot));
}
