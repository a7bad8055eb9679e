-- Runs one scenario (JSON in $SCENARIO) in a headless Neovim: types, completes, accepts, and writes what was seen as JSON.
local scenario = vim.json.decode(os.getenv("SCENARIO"))

local function report(seen)
	vim.fn.writefile({ vim.json.encode(seen) }, scenario.report)
	vim.cmd("qa!")
end

-- Insert mode runs between the steps, so that waiting is leaving it alone.
local function wait_for(what, condition)
	local running = coroutine.running()
	local deadline = vim.uv.now() + scenario.patience
	local function look()
		if condition() then
			coroutine.resume(running)
		elseif vim.uv.now() > deadline then
			report({ failure = "no " .. what, lines = vim.api.nvim_buf_get_lines(0, 0, -1, false), messages = vim.fn.execute("messages") })
		else
			vim.defer_fn(look, 20)
		end
	end
	vim.schedule(look)
	coroutine.yield()
end

local function type_keys(keys)
	vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, false, true), "t", false)
end

local function popup_visible()
	return vim.fn.pumvisible() == 1
end

local function run()
	assert(loadstring(scenario.setup))()
	vim.lsp.config("idiolect", { cmd = scenario.cmd })
	vim.cmd.edit(scenario.file)
	wait_for("server", function()
		local client = vim.lsp.get_clients({ bufnr = 0, name = "idiolect" })[1]
		return client and client.initialized
	end)
	type_keys(scenario.keys)
	-- A server that just started may answer too late for a menu, and keeps its answer for who asks again.
	local asked = vim.uv.now()
	wait_for("popup menu", function()
		if not popup_visible() and vim.uv.now() - asked > 3000 then
			asked = vim.uv.now()
			type_keys("<C-x><C-o>")
		end
		return popup_visible()
	end)
	local items = vim.fn.complete_info({ "items" }).items
	local shown = vim.api.nvim_buf_get_changedtick(0)
	type_keys("<C-n><C-y>")
	wait_for("accepted item", function()
		return not popup_visible() and vim.api.nvim_buf_get_changedtick(0) > shown
	end)
	-- An accepted snippet is expanded after the server has answered once more, which no event tells.
	local accepted = vim.uv.now()
	wait_for("end of the requests", function()
		return vim.tbl_isempty(vim.lsp.get_clients({ bufnr = 0, name = "idiolect" })[1].requests) and vim.uv.now() - accepted > 300
	end)
	type_keys("!<Esc>")
	wait_for("normal mode", function()
		return vim.api.nvim_get_mode().mode == "n"
	end)
	local seen = {}
	for _, item in ipairs(items) do
		table.insert(seen, { word = item.word, abbr = item.abbr, menu = item.menu, kind = item.kind })
	end
	report({ items = seen, lines = vim.api.nvim_buf_get_lines(0, 0, -1, false) })
end

coroutine.wrap(function()
	local ok, problem = xpcall(run, debug.traceback)
	if not ok then
		report({ failure = problem })
	end
end)()
