#!/usr/bin/env bash
# The project's one command. See `./build.sh help`.
#
# What it leaves behind is in out/ only: build/ (objects by framework), publish/, the binary, test results, and small
# state files that let an unchanged tree skip its work (state/*: a hash of the sources that a finished step was made of).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD
out=$root/out
state=$out/state
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
binary=$out/aot-broker

say() { printf '%s\n' "build.sh: $*" >&2; }
fail() { say "$*"; exit 1; }

usage() {
  cat <<'TEXT'
usage: ./build.sh COMMAND

  build                        publish the native binary to out/aot-broker
  run [SERVE ARGUMENTS]        build, then start the broker (no arguments: 127.0.0.1:9092, data in ./data)
  test [FILTER]                build and run the tests whose full name contains FILTER; ends with "N passed, N failed"
  bench [FILTER]               build and run the micro-benchmarks whose name contains FILTER; tables with ratios, also in out/bench
  sim [--seeds N] [--first S]  N runs (1000) of the broker in the simulator, with faults, from seed S on; sim --seed S repeats
                               one, sim --scenario NAME [--call K --fault FAULT] tells a story with every fault or one
  clients [NAME [HOST:PORT]]   the client matrix: every client library and what it can do here, kept as the table in README.md;
                               NAME: those clients; HOST:PORT: against a broker that runs already
  perf [OPTIONS] [WORKLOAD]... workloads on out/aot-broker, on Apache Kafka and on the loop without a broker, in turns; writes
                               perf/RESULTS.md (perf --list names them, perf --help the options). Run it alone on a machine
  kafka-suite [LIST|CLASS]...  Apache Kafka's own cluster tests against out/aot-broker (needs the peers folder): a list of it,
                               a class, or, without arguments, all that native-tests/kafka-suite/passing names
  format                       format the C# sources
  clean                        remove out/

environment
  AOT_BROKER_FRAMEWORK         net10.0 or net9.0: framework of the native binary (default: net10.0 where its
                               ahead-of-time pack can be restored, else net9.0)
  AOT_BROKER_PEERS             the folder of other clients and of Apache Kafka (default: a `shared/peers` beside the
                               checkout or above it); without it the tests that need it say that they skip
  AOT_BROKER_BENCH_SMOKE       1: benchmarks run once, on small inputs
TEXT
}

# ---- what the machine must have ---------------------------------------------------------------------------------------

# need PURPOSE PACKAGE...: installs Debian packages by name. Returns 1, after saying why, where that is not possible.
need() {
  local purpose=$1; shift
  [ $# -gt 0 ] || return 0
  if ! command -v apt-get > /dev/null; then
    say "$purpose needs: $*. This is not a Debian system: install them with its own tools."
    return 1
  fi
  local as=()
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
      as=(sudo -n)
    else
      say "$purpose needs Debian packages that this user may not install. As root: apt-get install $*"
      return 1
    fi
  fi
  say "$purpose needs $*: installing with apt-get"
  local log=$out/apt.log
  mkdir -p "$out"
  if ! "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" > "$log" 2>&1; then
    # A fresh machine has no package lists, and an old list names files that are gone.
    "${as[@]}" apt-get update >> "$log" 2>&1 || true
    if ! "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >> "$log" 2>&1; then
      say "apt-get could not install $*: $(grep -E '^E:' "$log" | tail -n 1) (all of it: $log)"
      return 1
    fi
  fi
}

has_static() { # has_static libX.a: does the C compiler find this archive?
  [ "$(gcc -print-file-name="$1" 2> /dev/null)" != "$1" ]
}

need_to_build() {
  if ! command -v dotnet > /dev/null; then
    fail "no 'dotnet' in PATH: install the .NET SDK 10 (Debian package dotnet-sdk-10.0 of the vendor's repository)"
  fi
  local sdk
  sdk=$(dotnet --version 2> /dev/null) || fail "the .NET SDK does not start: run 'dotnet --info'"
  [ "${sdk%%.*}" -ge 10 ] || fail "the .NET SDK is $sdk; C# 14 needs 10.0 or newer"
  local missing=()
  command -v gcc > /dev/null || missing+=(gcc libc6-dev)
  has_static libstdc++.a || missing+=(g++)
  has_static libz.a || missing+=(zlib1g-dev)
  has_static liblz4.a || missing+=(liblz4-dev)
  has_static libzstd.a || missing+=(libzstd-dev)
  has_static libsnappy.a || missing+=(libsnappy-dev)
  need "the native build" "${missing[@]}" || exit 1
}

# The clients of other projects that the tests use. A test whose client is absent says that it skips.
need_to_test() {
  local missing=()
  command -v kcat > /dev/null || missing+=(kcat)
  command -v strace > /dev/null || missing+=(strace)
  [ -e /usr/include/librdkafka/rdkafka.h ] || missing+=(librdkafka-dev)
  /usr/bin/python3 -c 'import kafka' 2> /dev/null || missing+=(python3-kafka)
  /usr/bin/python3 -c 'import ensurepip' 2> /dev/null || missing+=(python3-venv)
  command -v node > /dev/null || missing+=(nodejs)
  command -v npm > /dev/null || missing+=(npm)
  need "the test run" "${missing[@]}" || say "going on: the tests that need them say that they skip"
}

# ---- skipping finished work -------------------------------------------------------------------------------------------

hash_of() { # hash_of PATH...: one hash over names and contents, whatever the time stamps say
  find "$@" -type f -not -path '*/bin/*' -not -path '*/obj/*' -not -path '*/node_modules/*' -print0 2> /dev/null |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}
finished() { [ "$(cat "$state/$1" 2> /dev/null)" = "$2" ]; }
remember() { mkdir -p "$state"; printf '%s\n' "$2" > "$state/$1"; }

# ---- build ------------------------------------------------------------------------------------------------------------

# The framework of the native binary. The ahead-of-time pack of net10.0 is in two packages that not every feed has; the
# outcome of trying is kept per SDK version, so that an ordinary build does not ask again.
native_framework() {
  if [ -n "${AOT_BROKER_FRAMEWORK:-}" ]; then
    printf '%s\n' "$AOT_BROKER_FRAMEWORK"
    return
  fi
  local sdk known
  sdk=$(dotnet --version)
  known=$(cat "$state/framework" 2> /dev/null || true)
  if [ "${known%% *}" != "$sdk" ]; then
    mkdir -p "$state"
    if dotnet restore src/Aot.Broker/Aot.Broker.csproj -p:PublishNative=true -p:BrokerFramework=net10.0 -v q \
      > "$out/restore-net10.0.log" 2>&1; then
      known="$sdk net10.0"
    else
      known="$sdk net9.0"
      say "the ahead-of-time pack of net10.0 cannot be restored ($(grep -oE 'error [A-Z]+[0-9]+: [^[]*' \
        "$out/restore-net10.0.log" | head -n 1)); the binary is built for net9.0"
    fi
    printf '%s\n' "$known" > "$state/framework"
  fi
  printf '%s\n' "${known##* }"
}

# What a failed dotnet run said, as far as it helps.
complain() { # complain LOG WHAT
  grep -E 'error|warning' "$1" | sed 's/ \[[^]]*\]$//' | sort -u | head -n 30 >&2 || tail -n 30 "$1" >&2
  say "$2 failed (all of it: $1)"
}

# A native program is made in two steps. The first compiles the rooms, for everything else too; the second, which is half
# of the time, works on what they became and on nothing that another build writes.
compile_native() { # compile_native PROJECT FRAMEWORK
  local log=$out/compile.log
  dotnet build "$1" -c Release -p:PublishNative=true -p:BrokerFramework="$2" -v q > "$log" 2>&1 ||
    { complain "$log" "compiling $1 for $2"; return 1; }
}
publish_native() { # publish_native PROJECT FRAMEWORK DIRECTORY
  local log=$out/publish.log
  dotnet publish "$1" --no-build -c Release -p:PublishNative=true -p:BrokerFramework="$2" -o "$3" -v q > "$log" 2>&1 ||
    { complain "$log" "publishing $1 for $2"; return 1; }
}

# Anything that is not a native program, on the same rooms.
compile() { # compile PROJECT LOG
  dotnet build "$1" -c Release -p:BrokerFramework="$(native_framework)" -v q > "$2" 2>&1 ||
    { complain "$2" "compiling $1"; return 1; }
}
compiled() { # compiled ASSEMBLY: where compile puts it
  printf '%s\n' "$out/build/$(native_framework)/bin/$1/release/$1.dll"
}

broker_hash() { printf '%s\n' "$(native_framework) $(dotnet --version) $(hash_of src build.sh)"; }
is_built() { [ -x "$binary" ] && finished binary "$1"; } # is_built HASH

build() {
  need_to_build
  mkdir -p "$out"
  local hash
  hash=$(broker_hash)
  if is_built "$hash"; then
    say "out/aot-broker is up to date ($(native_framework))"
    return
  fi
  say "compiling and publishing the native binary for $(native_framework)"
  compile_native src/Aot.Broker/Aot.Broker.csproj "$(native_framework)" || exit 1
  publish_broker "$hash"
}

publish_broker() { # publish_broker HASH: of what was compiled
  local start=$SECONDS framework
  framework=$(native_framework)
  publish_native src/Aot.Broker/Aot.Broker.csproj "$framework" "$out/publish" || exit 1
  # A rename, because the file of a running broker cannot be written to.
  cp "$out/publish/aot-broker" "$binary.new"
  mv -f "$binary.new" "$binary"
  [ -e "$out/publish/aot-broker.dbg" ] && cp "$out/publish/aot-broker.dbg" "$out/aot-broker.dbg"
  remember binary "$1"
  say "out/aot-broker: $(stat -c %s "$binary") bytes, $framework, in $((SECONDS - start)) s"
}

# The load generator of perf/compare: a native binary of its own, since what the client costs is not the broker's.
build_perf() {
  local framework hash perf_binary=$out/aot-perf
  framework=$(native_framework)
  hash="$framework $(dotnet --version) $(hash_of src perf/Aot.Perf build.sh)"
  if [ -x "$perf_binary" ] && finished perf "$hash"; then
    return
  fi
  say "publishing the load generator for $framework"
  compile_native perf/Aot.Perf/Aot.Perf.csproj "$framework" || exit 1
  publish_native perf/Aot.Perf/Aot.Perf.csproj "$framework" "$out/publish-perf" || exit 1
  cp "$out/publish-perf/aot-perf" "$perf_binary.new"
  mv -f "$perf_binary.new" "$perf_binary"
  remember perf "$hash"
}

# ---- test -------------------------------------------------------------------------------------------------------------

build_tests() {
  local hash start=$SECONDS
  hash="$(native_framework) $(hash_of src native-tests bench perf Aot.Broker.sln build.sh .editorconfig)"
  finished tests "$hash" && return
  say "building the tests"
  compile Aot.Broker.sln "$out/build.log" || return 1
  remember tests "$hash"
  say "the tests are built, in $((SECONDS - start)) s"
}

# The binary and the tests, which are compiled while the ahead-of-time compiler works.
build_with_tests() {
  local publisher='' code=0 hash
  need_to_build
  mkdir -p "$out"
  # Asked once for all that follows.
  AOT_BROKER_FRAMEWORK=$(native_framework)
  hash=$(broker_hash)
  if ! is_built "$hash"; then
    say "compiling for $AOT_BROKER_FRAMEWORK"
    compile_native src/Aot.Broker/Aot.Broker.csproj "$AOT_BROKER_FRAMEWORK" || return 1
    (publish_broker "$hash") &
    publisher=$!
  fi
  build_tests || code=1
  if [ -n "$publisher" ]; then wait "$publisher" || code=1; fi
  return $code
}

# Rooms from the bottom up, so that the first failure is the one nearest its cause; whole brokers last. One project at a
# time: tests of ordering and of time limits need the cores for themselves.
test_projects() {
  local name order="Tidy Base Linux Memory Reactor Protocol Storage Cluster Coordinators Server Broker Simulation"
  local last="EndToEnd Interop"
  for name in $order; do [ -d "native-tests/$name" ] && echo "$name"; done
  for name in native-tests/*/; do
    name=$(basename "$name")
    case " $order $last " in *" $name "*) continue ;; esac
    ls "native-tests/$name"/*.Tests.csproj > /dev/null 2>&1 && echo "$name"
  done
  for name in $last; do [ -d "native-tests/$name" ] && echo "$name"; done
}

counter() { # counter FILE NAME: an attribute of the results file's <Counters>
  grep -oE '<Counters [^>]*' "$1" 2> /dev/null | grep -oE " $2=\"[0-9]+\"" | grep -oE '[0-9]+' || echo 0
}

# A project may not run longer than this; all together stay well under half an hour.
project_seconds_max=1200

# Projects whose tests drive a broker. They run twice: on the backend that the broker chooses, and on the other one. A test
# that names its backend, or that no backend can change, has the trait Io=once and is left out of the second run.
on_both_backends=" EndToEnd Faults Interop "

# run_project NAME LABEL FILTER: adds to passed, failed and skipped of its caller.
run_project() {
  local name=$1 label=$2 dll log code=0 p f s start=$SECONDS arguments=()
  [ -n "$3" ] && arguments=(--filter "$3")
  dll=$(echo native-tests/"$name"/*.Tests.csproj)
  dll=$(compiled "$(basename "$dll" .csproj)")
  log=$results/$label.log
  AOT_BROKER_BINARY=$binary timeout -k 10 "$project_seconds_max" dotnet test "$dll" "${arguments[@]}" \
    --logger "trx;LogFileName=$label.trx" --logger "console;verbosity=normal" --results-directory "$results" \
    > "$log" 2>&1 || code=$?
  p=$(counter "$results/$label.trx" passed)
  f=$(counter "$results/$label.trx" failed)
  # A test that lacks a client or a folder passes with "SKIPPED: why" as the first line that it wrote.
  s=$(grep -c '<StdOut>SKIPPED: ' "$results/$label.trx" 2> /dev/null || true)
  s=${s:-0}
  p=$((p - s))
  # A run that broke off (crash of the test process, time limit) is a failure even where no test says so.
  if [ "$code" != 0 ] && [ "$f" = 0 ]; then f=1; fi
  if [ $((p + f + s)) -gt 0 ]; then
    printf '%-14s %4d passed, %d failed, %d skipped, %d s\n' "$label" "$p" "$f" "$s" $((SECONDS - start))
  fi
  if [ "$f" != 0 ]; then
    if [ "$code" = 124 ]; then say "$label: stopped after $project_seconds_max s"; fi
    sed -nE '/^\[xUnit.net .*\] +[^ ].*\[FAIL\]/d; /^ +Failed /,/^ +(Passed|Skipped) |^Test Run|^Results File/p' "$log" |
      grep -vE '^ +(Passed|Skipped) ' | head -n 200
    grep -qE '^ +Failed ' "$log" || tail -n 40 "$log"
  fi
  { grep -ohE '<StdOut>SKIPPED: [^<]*' "$results/$label.trx" 2> /dev/null || true; } | sed 's/<StdOut>/  /' | sort | uniq -c
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

run_tests() {
  local filter=${1:-} passed=0 failed=0 skipped=0 name results
  results=$out/test-results
  rm -rf "$results"
  mkdir -p "$results"
  for name in $(test_projects); do
    run_project "$name" "$name" "${filter:+FullyQualifiedName~$filter}"
    case $on_both_backends in
      *" $name "*)
        AOT_BROKER_IO=epoll run_project "$name" "$name-epoll" "Io!=once${filter:+&FullyQualifiedName~$filter}"
        ;;
    esac
  done
  if [ "$skipped" -gt 0 ]; then
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  else
    printf '%d passed, %d failed\n' "$passed" "$failed"
  fi
  if [ $((passed + failed)) = 0 ]; then
    say "no test has '$filter' in its name"
    return 1
  fi
  [ "$failed" = 0 ]
}

# ---- the rest ---------------------------------------------------------------------------------------------------------

# Benchmarks run on the just-in-time compiler: their runner is made of reflection. The code is compiled as the native
# binary's is: once, with all optimizations, without a profile.
bench() {
  command -v dotnet > /dev/null || fail "no 'dotnet' in PATH: install the .NET SDK 10"
  mkdir -p "$out"
  compile bench/Aot.Broker.Bench.csproj "$out/bench.log" || exit 1
  dotnet "$(compiled Aot.Broker.Bench)" --artifacts "$out/bench" "$@"
}

# The simulator needs no binary: its brokers run on the just-in-time compiler, in one process.
simulate() {
  command -v dotnet > /dev/null || fail "no 'dotnet' in PATH: install the .NET SDK 10"
  mkdir -p "$out"
  compile native-tests/Simulation "$out/sim.log" || exit 1
  dotnet "$(compiled Aot.Broker.Simulation.Tests)" "$@"
}

# The client matrix. Its program is the project of the tests that use the same clients.
clients() {
  need_to_test
  build
  compile native-tests/EndToEnd "$out/clients.log" || exit 1
  AOT_BROKER_BINARY=$binary dotnet "$(compiled Aot.Broker.EndToEnd.Tests)" "$@"
}

peers() {
  if [ -n "${AOT_BROKER_PEERS:-}" ]; then
    printf '%s\n' "$AOT_BROKER_PEERS"
    return
  fi
  local dir=$root
  while [ "$dir" != / ]; do
    dir=$(dirname "$dir")
    if [ -d "$dir/shared/peers" ]; then
      printf '%s\n' "$dir/shared/peers"
      return
    fi
  done
  return 1
}

kafka_suite() {
  local suite where what=() argument found
  where=$(peers) || fail "the suite of Apache Kafka is not here: set AOT_BROKER_PEERS to the folder that has kafka/suite"
  suite=$where/kafka/suite
  [ -x "$suite/suite" ] || fail "$suite/suite is not there: set AOT_BROKER_PEERS to the folder that has kafka/suite"
  command -v java > /dev/null || need "the suite of Apache Kafka" openjdk-17-jdk-headless || exit 1
  build
  local only=()
  if [ $# = 0 ]; then
    # What is known to pass; the other tests of its classes are not waited for.
    mapfile -t what < <(cut -f 1 native-tests/kafka-suite/passing | sort -u)
    only=(--only ".*[#.]($(cut -f 2 native-tests/kafka-suite/passing | sed 's/[([].*//' | sort -u | paste -s -d '|'))")
  fi
  # A class may be given by its last name.
  for argument; do
    case $argument in
      *.*) what+=("$argument") ;;
      *)
        if [ -e "$suite/classes/$argument" ]; then
          what+=("$argument")
        else
          found=$(cat "$suite"/classes/* | grep -E "\\.$argument\$" | head -n 1) ||
            fail "'$argument' is neither a list nor a class of the suite"
          what+=("$found")
        fi
        ;;
    esac
  done
  local results=$out/kafka-suite code=0
  rm -rf "$results"
  mkdir -p "$results"
  AOT_BROKER_BINARY=$binary "$suite/suite" --launcher native-tests/kafka-suite/launch --brokers 1 --shrink \
    --out "$results" "${only[@]}" "${what[@]}" || code=$?
  # Without arguments what is known to pass has to; else, of the tests that Apache Kafka itself passes in this set-up,
  # those of the classes that ran.
  if [ -e "$results/outcomes.tsv" ]; then
    if [ $# = 0 ]; then
      cp native-tests/kafka-suite/passing "$results/expected"
    else
      cut -f 1 "$results/outcomes.tsv" | sort -u > "$results/ran"
      cat "$suite"/expected/* | awk -F '\t' 'NR == FNR { ran[$1]; next } $1 in ran' "$results/ran" - | sort -u \
        > "$results/expected"
    fi
    "$suite/missing" "$results/expected" "$results/outcomes.tsv" || code=1
  fi
  return "$code"
}

command=${1:-help}
[ $# -gt 0 ] && shift
case $command in
  build) build ;;
  run)
    build
    exec "$binary" serve "$@"
    ;;
  test)
    [ $# -le 1 ] || { usage >&2; exit 2; }
    need_to_test
    if ! build_with_tests; then
      printf '0 passed, 1 failed\n'
      exit 1
    fi
    run_tests "$@"
    ;;
  bench) bench "$@" ;;
  sim) simulate "$@" ;;
  clients) clients "$@" ;;
  measure)
    build
    AOT_BROKER_BINARY=$binary exec perf/startup "$@"
    ;;
  perf)
    case ${1:-} in --list | --help | -h) exec perf/compare "$1" ;; esac
    build
    build_perf
    AOT_BROKER_BINARY=$binary AOT_PERF_BINARY=$out/aot-perf exec perf/compare "$@"
    ;;
  kafka-suite) kafka_suite "$@" ;;
  format)
    dotnet tool restore > /dev/null
    dotnet csharpier format .
    ;;
  clean) rm -rf "$out" ;;
  help | --help | -h) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
