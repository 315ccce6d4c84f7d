-- For wrk: "close" after "--" closes the connection after each response. The
-- result is a line of JSON.
function init(args)
  for _, word in ipairs(args) do
    if word == "close" then
      wrk.headers["Connection"] = "close"
    end
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, '
      .. '"socket_errors": %d, "other_status": %d}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.timeout, e.status))
end
