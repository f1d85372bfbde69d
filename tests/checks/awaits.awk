# Prints each co_await that is not one of: `co_await e;`, `x = co_await e;`, `auto x = co_await e;`,
# `co_return co_await e;`, `if (auto x = co_await e; condition)`, alone or after an `if (...)`, `else`,
# `while (...)` or `for (...)`; and each whose expression holds a lambda with captures or a braced
# temporary (`T{...}`).
FNR == 1 { previous = "" }
{
  line = $0
  gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
  sub(/\/\/.*/, "", line)
}
line ~ /^[ \t]*$/ { next }
{
  at = match(line, /(^|[^A-Za-z_])co_await[^A-Za-z_]/)
  if (at) {
    before = substr(line, 1, at - 1 + (substr(line, at, 8) != "co_await"))
    after = substr(line, at)
    wrapped = before ~ /^[ \t]*$/
    if (wrapped) before = previous
    if (!stands(before, wrapped) || after ~ /\[[&=a-z]/ && after ~ /\][ ]*[({]/ || after ~ /[A-Z][A-Za-z0-9_]*\{/)
      print FILENAME ":" FNR ": " $0
  }
  previous = line
}
# Whether `co_await` may follow this text: the beginning of its line, or the line before it.
function stands(text, wrapped) {
  sub(/[ \t]+$/, "", text)
  if (text == "" || text ~ /[;{}]$/) return 1
  if (text ~ /(^|[ \t({])if \((const )?[A-Za-z_:<>,*& ]+ =$/) return 1
  if (parentheses(text) != 0) return 0
  if (text ~ /(^|[ \t])else$/ || text ~ /co_return$/) return 1
  if (text ~ /^[ \t}]*(else )?(if|while|for) \(.*\)$/) return 1
  if (text ~ /\]$|\] =$|\?|[=!<>]=$/) return 0
  return text ~ / =$/
}
function parentheses(text,   opened, closed) {
  opened = gsub(/\(/, "(", text)
  closed = gsub(/\)/, ")", text)
  return opened - closed
}
