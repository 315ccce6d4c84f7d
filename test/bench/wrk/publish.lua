-- For wrk: publishes messages of so many bytes, the words behind "--". The result
-- is that of plain.lua.
local folder = debug.getinfo(1).source:match("@(.*)/")
dofile(folder .. "/plain.lua")

function init(args)
  wrk.method = "POST"
  wrk.headers["user_id"] = "u0"
  wrk.headers["Content-Type"] = "text/plain"
  wrk.body = string.rep("x", tonumber(args[1]))
end
