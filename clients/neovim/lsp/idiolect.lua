return {
	cmd = { "idiolect", "serve", "--stdio" },
	filetypes = {
		"bash", "c", "cpp", "cs", "css", "go", "java", "javascript", "javascriptreact", "php", "ps1", "python", "ruby", "rust", "sh", "typescript", "typescriptreact",
	},
	root_markers = { ".git" },
	-- author = "Name <address>" and organization = "name", in place of what Git and the registry say.
	init_options = vim.empty_dict(),
}
