#!/bin/sh
# Creates the virtual environments of this project, or brings them up to date. `make setup` calls it. `install.sh extras`
# adds a fourth to the three, for targets that measure, plant mutants or list what is deployed, and `security` one for
# the target of that name; `install.sh package FOLDER PLATFORM` puts what is deployed into a folder, which
# tools/package.py makes a package of; a third word names another list of requirements than today's.
#
# Needs Python 3.13 (on PATH or under pyenv) or uv, whichever is at hand. Packages come from wherever this
# machine's pip or uv is configured to look; every one is checked against the hash in requirements/*.txt.
# An environment that is already up to date costs a few milliseconds.
set -eu

cd "$(dirname "$0")/.."
project=$PWD
wanted=$(cat .python-version)

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

checksum() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

# What an environment was made from.
fingerprint() {
    cat .python-version requirements/build.txt "requirements/$1.txt" | checksum
}

# Scripts in an environment name its place in their first lines: one that was moved is of no use.
is_usable() {
    [ -x "$1/bin/python" ] && [ "$(cat "$1/.made-in" 2>/dev/null)" = "$project" ]
}

is_current() {
    is_usable "$1" && [ "$(cat "$1/.made-from" 2>/dev/null)" = "$(fingerprint "$2")" ]
}

# A pyenv shim answers only where pyenv finds the version, so each candidate is asked for its real interpreter.
real_interpreter() {
    "$1" -c 'import os, sys
if sys.version_info[:2] == tuple(map(int, sys.argv[1].split("."))):
    print(os.path.realpath(sys.executable))' "$wanted" 2>/dev/null || true
}

find_python() {
    pyenv_versions=${PYENV_ROOT:-$HOME/.pyenv}/versions
    for candidate in "python$wanted" python3 python "$pyenv_versions/$wanted".*/bin/python"$wanted"; do
        found=$(real_interpreter "$candidate")
        if [ -n "$found" ]; then
            echo "$found"
            return
        fi
    done
}

# uv does not read pip's configuration. A mirror or a certificate that was set up for pip shall serve here too.
# Looking for the best match on every index is safe, because the hashes decide what is accepted.
use_configuration_of_pip() {
    if env | grep -qE '^UV_(DEFAULT_INDEX|INDEX_URL|INDEX|EXTRA_INDEX_URL|FIND_LINKS|CONFIG_FILE)='; then
        return
    fi
    configuration=$("$python" -m pip config list 2>/dev/null) || return 0
    pip_option() {
        # Of several places that set an option, the environment wins; pip lists it first.
        for place in ':env:' '[a-z]*'; do
            value=$(printf '%s\n' "$configuration" | sed -n "s/^$place\.$1='\(.*\)'\$/\1/p" | tail -n 1)
            if [ -n "$value" ]; then break; fi
        done
        printf %s "$value" | sed 's/\\n/ /g; s/^ *//'
    }
    index=$(pip_option index-url)
    extra=$(pip_option extra-index-url)
    links=$(pip_option find-links)
    certificates=$(pip_option cert)
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    if [ -n "$extra" ]; then export UV_INDEX="$extra" UV_INDEX_STRATEGY=unsafe-best-match; fi
    if [ -n "$links" ]; then export UV_FIND_LINKS="$(printf %s "$links" | tr ' ' ',')"; fi
    if [ -n "$certificates" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$certificates"; fi
}

install_uv_with_pip() {
    echo "setup: no uv at hand, installing the pinned one into .venv"
    # A pip that is there already serves; to bring one along takes most of the time.
    if "$python" -c 'import pip' 2>/dev/null; then
        "$python" -m venv --clear --without-pip .venv
        set -- "$python" -m pip --python .venv/bin/python
    else
        "$python" -m venv --clear .venv ||
            fail "$python cannot create a virtual environment. Install its venv module (Debian: python$wanted-venv) or uv."
        set -- .venv/bin/python -m pip
    fi
    "$@" install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
    echo "$project" >.venv/.made-in
    uv=$project/.venv/bin/uv
}

install_environment() {
    directory=$1
    requirements=requirements/$2.txt
    if is_current "$directory" "$2"; then return; fi
    echo "setup: installing $directory from $requirements"
    rm -f "$directory/.made-from"
    if ! is_usable "$directory"; then
        rm -rf "$directory"
        "$uv" venv --quiet --no-project --python "${python:-$wanted}" "$directory"
        echo "$project" >"$directory/.made-in"
    fi
    "$uv" pip sync --quiet --require-hashes --build-constraints requirements/build.txt \
        --python "$directory/bin/python" "$requirements"
    fingerprint "$2" >"$directory/.made-from"
}

# What is deployed, into a folder: wheels for another machine than this one, of which the hashes have to be listed too.
install_package() {
    directory=$1
    platform=$2
    "$uv" pip install --quiet --require-hashes --only-binary :all: --no-deps --target "$directory" \
        --python "$project/.venv/bin/python" --python-platform "$platform" --python-version "$wanted" \
        --link-mode copy --requirement "$3"
}

environments=".venv:dev .venv-sam:sam .venv-emulator:emulator"
case ${1:-} in
    '') ;;
    package) [ $# = 3 ] || [ $# = 4 ] || fail "'package' takes a folder and a platform, such as aarch64-manylinux_2_28" ;;
    extras | security) environments="$environments .venv-$1:$1" ;;
    *) fail "'$1' is no environment that can be added" ;;
esac

outdated=
for environment in $environments; do
    is_current "${environment%:*}" "${environment#*:}" || outdated="$outdated $environment"
done
if [ -z "$outdated" ] && [ "${1:-}" != package ]; then exit 0; fi

# `make` puts .venv/bin on PATH, so what is in there would be taken for what is at hand.
is_usable .venv || rm -rf .venv
uv=$(command -v uv || true)
if [ -z "$uv" ] && [ -x .venv/bin/uv ]; then uv=$project/.venv/bin/uv; fi
python=$(find_python)
if [ -n "$python" ]; then
    export UV_PYTHON_DOWNLOADS=never
    use_configuration_of_pip
    if [ -z "$uv" ]; then install_uv_with_pip; fi
elif [ -z "$uv" ]; then
    fail "neither Python $wanted nor uv was found. Install one of them, then run 'make setup' again."
fi

for environment in $outdated; do
    install_environment "${environment%:*}" "${environment#*:}"
done
if [ -n "$outdated" ]; then echo "setup: ready"; fi
if [ "${1:-}" = package ]; then install_package "$2" "$3" "${4:-src/requirements.txt}"; fi
