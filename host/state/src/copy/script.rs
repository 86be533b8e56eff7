//! What runs inside Redis, atomically per partition.

use super::connect::Line;
use redis::{Cmd, RedisResult, Script, Value};

/// Takes a partition over for this epoch. A copy that the process before this one left, or this one itself, at the generation that is committed is
/// kept; in place of any other an empty one is begun.
///
/// Keys: header. Arguments: epoch, lineage, lineage before, generation, fresh base, time to live in ms. Gives `{1, base, kept}` or, to an older
/// epoch, `{-1, newer epoch}`.
const TAKE_OVER: &str = r"
local h = redis.call('HMGET', KEYS[1], 'epoch', 'lineage', 'base', 'generation')
if h[1] and tonumber(h[1]) > tonumber(ARGV[1]) then return {-1, h[1]} end
local kept = h[1] and h[3] and h[4] == ARGV[4] and (h[2] == ARGV[2] or h[2] == ARGV[3])
local base = kept and h[3] or ARGV[5]
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'lineage', ARGV[2], 'base', base, 'generation', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {1, base, kept and 1 or 0}
";

/// Writes what was committed. The header comes last, so that a script that breaks off leaves a copy behind that counts as none.
///
/// Keys: header, data. Arguments: epoch, lineage, base, `next` or `begin`, generation before, generation, time to live in ms, most fields of a
/// space; then operations: `w KEY VALUE`; `f KEY N (FIELD ENTRY)*N`: the whole of a space; `t KEY N (FIELD ENTRY)*N`: a part of one that is
/// there, an empty entry deletes. Gives `{1}`; `{0}`: the copy is behind or another; `{-1, newer epoch}`.
const WRITE: &str = r"
local h = redis.call('HMGET', KEYS[1], 'epoch', 'base', 'generation')
if h[1] and tonumber(h[1]) > tonumber(ARGV[1]) then return {-1, h[1]} end
if ARGV[4] ~= 'begin' and not (h[1] == ARGV[1] and h[2] == ARGV[3] and h[3] == ARGV[5]) then return {0} end
local i = 9
while i <= #ARGV do
  local op, key = ARGV[i], KEYS[tonumber(ARGV[i + 1])]
  if op == 'w' then
    redis.call('SET', key, ARGV[i + 2], 'PX', ARGV[7])
    i = i + 3
  else
    local n = tonumber(ARGV[i + 2])
    local there = op == 'f' or redis.call('HEXISTS', key, 'whole') == 1
    if op == 'f' then
      redis.call('DEL', key)
      redis.call('HSET', key, 'whole', '1')
    end
    if there then
      for j = i + 3, i + 1 + 2 * n, 2 do
        if ARGV[j + 1] == '' then redis.call('HDEL', key, ARGV[j]) else redis.call('HSET', key, ARGV[j], ARGV[j + 1]) end
      end
      if redis.call('HLEN', key) > tonumber(ARGV[8]) then redis.call('DEL', key) else redis.call('PEXPIRE', key, ARGV[7]) end
    end
    i = i + 3 + 2 * n
  end
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'lineage', ARGV[2], 'base', ARGV[3], 'generation', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return {1}
";

/// Reads windows, if the copy is the one that is asked for. Keys: header, windows. Arguments: epoch, base, generation.
const READ_WINDOWS: &str = r"
local h = redis.call('HMGET', KEYS[1], 'epoch', 'base', 'generation')
if not (h[1] == ARGV[1] and h[2] == ARGV[2] and h[3] == ARGV[3]) then return {0} end
return {1, redis.call('MGET', unpack(KEYS, 2))}
";

/// Reads a name space, if the copy is the one that is asked for. Keys: header, space. Arguments: epoch, base, generation.
const READ_SPACE: &str = r"
local h = redis.call('HMGET', KEYS[1], 'epoch', 'base', 'generation')
if not (h[1] == ARGV[1] and h[2] == ARGV[2] and h[3] == ARGV[3]) then return {0} end
return {1, redis.call('HGETALL', KEYS[2])}
";

/// The scripts, with the hashes by which Redis remembers them.
pub(super) struct Scripts {
    pub take_over: Known,
    pub write: Known,
    pub read_windows: Known,
    pub read_space: Known,
}

pub(super) struct Known {
    text: &'static str,
    hash: String,
}

impl Scripts {
    pub fn new() -> Self {
        let known = |text| Known { text, hash: Script::new(text).get_hash().to_owned() };
        Self { take_over: known(TAKE_OVER), write: known(WRITE), read_windows: known(READ_WINDOWS), read_space: known(READ_SPACE) }
    }
}

impl Known {
    /// Runs it by its hash; a server that does not know it is given the text.
    pub async fn run(&self, line: &Line, keys: &[String], arguments: &[Vec<u8>]) -> RedisResult<Vec<Value>> {
        let answer = match line.ask(&command("EVALSHA", &self.hash, keys, arguments)).await {
            Err(error) if error.code() == Some("NOSCRIPT") => line.ask(&command("EVAL", self.text, keys, arguments)).await?,
            other => other?,
        };
        match answer {
            Value::Array(parts) => Ok(parts),
            _ => Ok(Vec::new()),
        }
    }
}

fn command(name: &str, script: &str, keys: &[String], arguments: &[Vec<u8>]) -> Cmd {
    let mut cmd = redis::cmd(name);
    cmd.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    cmd
}

/// A number as an argument.
pub(super) fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}
