#!/bin/sh
# Writes what decides about DMA remapping on this Linux machine into one text file under 2 MB, for
# "iommu-graph import" and importPlatform(bundle). Installs nothing, changes nothing, sends nothing.
#
#   sh iommu-graph-capture.sh [FILE]     FILE is iommu-graph-bundle.txt when left out, - is standard output
#
# Run it as root: others may not read the DMAR table, whole configuration spaces and often the kernel log.
# Without root it writes what it can and says what is missing. Serial numbers, MAC and IP addresses, UUIDs,
# host and user names are replaced; see README.md beside this file. Read the file before you give it away.
#
# CAPTURE_ROOT names another root directory to read instead of /; no command but those of POSIX runs then.

set -u
umask 077
LC_ALL=C
export LC_ALL
unset GREP_OPTIONS POSIXLY_CORRECT CDPATH 2>/dev/null

root=${CAPTURE_ROOT-}
sys=$root/sys
out=${1-iommu-graph-bundle.txt}
# Room for everything, and for the PCI listing alone.
limit=1900000
pci_limit=1400000

tmp=${TMPDIR:-/tmp}/iommu-graph-capture.$$
mkdir "$tmp" || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

section() { printf '#iommu-graph section %s\n' "$1"; }
note() { printf '#iommu-graph note %s\n' "$1"; }
# The first line of a file; nothing when it cannot be read.
first() {
  line=
  [ -r "$1" ] && { IFS= read -r line <"$1" || [ -n "$line" ]; } 2>/dev/null && printf '%s\n' "$line"
}
# Where a link leads, last part only.
target() { (cd -P "$1" 2>/dev/null && p=$(pwd -P) && printf '%s\n' "${p##*/}"); }
field() { v=$(first "$1") && [ -n "$v" ] && printf '  %s: %s\n' "$2" "$v"; }
have() { [ -z "$root" ] && command -v "$1" >/dev/null 2>&1; }

release=$(first "$root/proc/sys/kernel/osrelease")

dmar() {
  section dmar
  table=$sys/firmware/acpi/tables/DMAR
  if [ -r "$table" ] && [ -s "$table" ]; then
    printf 'DMAR @ 0x0000000000000000\n'
    od -An -v -tx1 "$table" | awk '{ $1 = $1; printf "    %04X: %s\n", NR * 16 - 16, toupper($0) }'
  elif [ -e "$table" ]; then
    note 'the DMAR table can be read by root only'
  else
    note 'this machine shows no DMAR table'
    [ -e "$sys/firmware/acpi/tables/IVRS" ] && note 'it has an IVRS table: its IOMMU is an AMD one'
  fi
}

# One hex dump as lspci -xxxx prints it, from the output of od. The device serial number, what vendors keep
# in capabilities of their own, and the data register of vital product data are zeroed; a line * stands for
# lines of zeros, which are not printed.
dump='
function num(s) { return 16 * (index("0123456789abcdef", substr(s, 1, 1)) - 1) + index("0123456789abcdef", substr(s, 2, 1)) - 1 }
function word(o) { return num(b[o]) + 256 * num(b[o + 1]) }
function wipe(from, to) { for (; from < to && from < n; from++) b[from] = "00" }
{ for (i = 1; i <= NF; i++) b[n++] = $i }
END {
  if (n >= 256 && int(num(b[6]) / 16) % 2) {
    at = num(b[52]); at -= at % 4
    for (steps = 0; at >= 64 && steps < 48; steps++) {
      if (b[at] == "03") wipe(at + 4, at + 8)
      at = num(b[at + 1]); at -= at % 4
    }
  }
  at = 256
  for (steps = 0; n >= 4096 && at >= 256 && at <= 4084 && steps < 960; steps++) {
    id = word(at)
    if (id == 3) wipe(at + 4, at + 12)
    if (id == 11) wipe(at + 8, at + int(word(at + 6) / 16))
    at = int(word(at + 2) / 16); at -= at % 4
  }
  for (o = 0; o < n; o += 16) {
    zero = 1; line = ""
    for (i = o; i < o + 16 && i < n; i++) { line = line " " b[i]; if (b[i] != "00") zero = 0 }
    # The first lines and the last one are always there: they tell that there is a dump and how long it is.
    if (zero && o >= 64 && o + 16 < n) { skipped = 1; continue }
    if (skipped) print "*"
    skipped = 0
    printf "%02x:%s\n", o, line
  }
  # All that is shown to users other than root.
  exit n <= 64
}'

pci() {
  section pci
  have lspci && lspci -D -nn >"$tmp/names" 2>/dev/null
  [ -f "$tmp/names" ] || : >"$tmp/names"
  short=0
  for d in "$sys"/bus/pci/devices/*; do
    [ -e "$d/vendor" ] || continue
    address=${d##*/}
    heading=
    [ -s "$tmp/names" ] && heading=$(awk -v a="$address" '$1 == a { print; exit }' "$tmp/names")
    if [ -z "$heading" ]; then
      class=$(first "$d/class") vendor=$(first "$d/vendor") device=$(first "$d/device")
      revision=$(first "$d/revision")
      class=${class#0x}
      heading="$address ${class%??}: ${vendor#0x}:${device#0x} (rev ${revision#0x}) (prog-if ${class#????})"
    fi
    printf '%s\n' "$heading"
    [ -e "$d/driver" ] && printf '\tKernel driver in use: %s\n' "$(target "$d/driver")"
    [ -r "$d/config" ] || { printf '\n'; continue; }
    od -An -v -tx1 "$d/config" 2>/dev/null | awk "$dump" || short=$((short + 1))
    printf '\n'
  done >"$tmp/pci"
  # Where room runs out, functions keep 64 bytes; where that does not help, the rest is left out.
  awk -v limit="$pci_limit" '
    /^[0-9a-f]+:[0-9a-f]+:[0-9a-f]+\.[0-7] / { out = (size > limit + 200000); if (out) left++; cut = (size > limit); if (cut && !out) cuts++ }
    out || (cut && /^\*$/) || (cut && /^[0-9a-f]+: / && (length($1) > 3 || $1 >= "40:")) { next }
    { size += length($0) + 1; print }
    END {
      if (cuts) printf "#iommu-graph note room ran out: only 64 bytes of %d functions\n", cuts
      if (left) printf "#iommu-graph note room ran out: %d functions are missing\n", left
    }' "$tmp/pci"
  [ -s "$tmp/pci" ] || note 'this machine shows no PCI devices'
  [ "$short" -eq 0 ] || note "only the first 64 bytes of $short functions could be read: run as root"
}

groups() {
  section iommu-groups
  for g in "$sys"/kernel/iommu_groups/*; do
    [ -d "$g/devices" ] || continue
    printf 'group %s\n' "${g##*/}"
    field "$g/type" type
    field "$g/name" name
    printf '  devices:'
    for d in "$g"/devices/*; do
      { [ -e "$d" ] || [ -L "$d" ]; } && printf ' %s' "${d##*/}"
    done
    printf '\n'
    if [ -s "$g/reserved_regions" ] || [ -r "$g/reserved_regions" ]; then
      printf '  reserved_regions:\n'
      sed 's/^/    /' "$g/reserved_regions" 2>/dev/null
    fi
  done >"$tmp/groups"
  cat "$tmp/groups"
  [ -s "$tmp/groups" ] || note 'no groups: the kernel drives no IOMMU'
}

units() {
  section iommu-units
  for u in "$sys"/class/iommu/*; do
    [ -e "$u" ] || continue
    printf '%s\n' "/sys/class/iommu/${u##*/}"
    for f in address cap ecap version domains_supported domains_used; do
      field "$u/intel-iommu/$f" "$f"
    done
    [ -e "$u/amd-iommu/cap" ] && note "${u##*/} is an AMD unit"
  done >"$tmp/units"
  cat "$tmp/units"
  [ -s "$tmp/units" ] || note 'no units: the kernel drives no IOMMU'
}

mdev_types() {
  section mdev-types
  for t in "$sys"/class/mdev_bus/*/mdev_supported_types/*; do
    [ -d "$t" ] || continue
    parent=${t%/mdev_supported_types/*}
    printf 'parent %s type %s\n' "${parent##*/}" "${t##*/}"
    for f in name device_api available_instances; do field "$t/$f" "$f"; done
    [ -r "$t/description" ] && sed 's/^/  description: /' "$t/description" 2>/dev/null
  done
}

mdev_devices() {
  section mdev-devices
  for d in "$sys"/bus/mdev/devices/*; do
    [ -e "$d" ] || [ -L "$d" ] || continue
    parent=$(cd -P "$d/.." 2>/dev/null && pwd -P)
    [ -L "$d" ] && parent=$(cd -P "$d" 2>/dev/null && cd .. && pwd -P)
    printf '%s parent %s type %s group %s\n' \
      "${d##*/}" "${parent##*/}" "$(target "$d/mdev_type")" "$(target "$d/iommu_group")"
  done
}

vfio() {
  section vfio
  for p in "$sys"/module/vfio*/parameters/* "$sys"/module/intel_iommu/parameters/*; do
    [ -r "$p" ] && printf '%s = %s\n' "${p#"$root"}" "$(first "$p")"
  done
  for f in "$root"/dev/vfio/* "$root"/dev/iommu; do
    [ -e "$f" ] && printf '%s\n' "${f#"$root"}"
  done
  for d in "$sys"/bus/pci/drivers/*vfio*/*:*; do
    [ -e "$d" ] && driver=${d%/*} && printf '%s has the driver %s\n' "${d##*/}" "${driver##*/}"
  done
  grep -E '^(vfio|mdev|iommu|kvm|idxd|uacce)' "$root/proc/modules" 2>/dev/null | awk '{ print "module " $1 }'
}

options() {
  section kernel-options
  wanted='^(# )?CONFIG_[A-Z0-9_]*(IOMMU|VFIO|MDEV|DMAR|IRQ_REMAP|PCI_ATS|PCI_PRI|PCI_PASID|PCI_IOV|IOASID|X2APIC|IDXD)'
  if [ -r "$root/proc/config.gz" ] && command -v gzip >/dev/null 2>&1; then
    gzip -dc "$root/proc/config.gz" 2>/dev/null | grep -E "$wanted"
    return
  fi
  for f in "/boot/config-$release" "/lib/modules/$release/config" "/usr/lib/modules/$release/config"; do
    [ -r "$root$f" ] || continue
    grep -E "$wanted" "$root$f"
    return
  done
  note 'the configuration of the running kernel was not found'
}

reaches_boot() { grep -q 'Linux version ' "$1"; }

# Lines of user programs, and of keys and input devices, which carry the names of people, are left out.
private='(\] |kernel: )(systemd(-[a-z]+)?(\[|: )|audit|kauditd|cloud-init|dracut|plymouth|NetworkManager|\[UFW|input: )| IN=[^ ]* OUT=|X\.509|BLUETOOTH HID'
# What an import reads, and what helps to understand it, where room is short.
matters='[Dd][Mm][Aa][Rr]|[Ii][Oo][Mm][Mm][Uu]|AMD-Vi|[Ss][Mm][Mm][Uu]|INTR-REMAP|Linux version|ommand line|vfio|mdev|x2apic|DMI: |idxd|ACPI: (RSDP|XSDT|IVRS|IORT)'

log() {
  section kernel-log
  if [ -n "$root" ]; then
    cat "$root/var/log/dmesg" >"$tmp/log" 2>/dev/null
  else
    dmesg >"$tmp/log" 2>/dev/null
    if ! reaches_boot "$tmp/log"; then
      have journalctl && journalctl -k -b --no-hostname -o short-monotonic >"$tmp/journal" 2>/dev/null
      if [ -f "$tmp/journal" ] && reaches_boot "$tmp/journal"; then
        mv "$tmp/journal" "$tmp/log"
      elif [ -r /var/log/dmesg ] && reaches_boot /var/log/dmesg; then
        cat /var/log/dmesg "$tmp/log" >"$tmp/both" && mv "$tmp/both" "$tmp/log"
      fi
    fi
  fi
  if [ ! -s "$tmp/log" ]; then
    note 'the kernel log cannot be read: run as root'
    return
  fi
  reaches_boot "$tmp/log" || note 'the kernel log does not reach back to the boot'
  tr -d '\000' <"$tmp/log" | grep -v -E "$private" >"$tmp/kept"
  room=$((limit - $(wc -c <"$tmp/rest")))
  if [ "$(wc -c <"$tmp/kept")" -gt "$room" ]; then
    note 'the kernel log is long: only lines about remapping and virtual devices are here'
    grep -E "$matters" "$tmp/kept" >"$tmp/short"
    mv "$tmp/short" "$tmp/kept"
  fi
  # Still too long: its beginning and its end. A line has at most 1000 characters.
  awk -v room="$room" '
    { line[NR] = substr($0, 1, 1000); size += length(line[NR]) + 1 }
    END {
      first = NR; last = NR + 1
      if (size > room) {
        for (first = 0; used + length(line[first + 1]) + 1 < room / 2; first++) used += length(line[first + 1]) + 1
        for (; last - 1 > first && used + length(line[last - 1]) + 1 < room - 200; last--) used += length(line[last - 1]) + 1
      }
      for (i = 1; i <= first; i++) print line[i]
      if (last - first > 1) printf "#iommu-graph note room ran out: %d lines in the middle of the log are missing\n", last - first - 1
      for (i = last; i <= NR; i++) print line[i]
    }' "$tmp/kept"
}

# What this machine is called by, one a line: a kind, then the name as it stands in texts.
names() {
  for f in /proc/sys/kernel/hostname /etc/hostname; do
    first "$root$f" | awk '{ print "host " $1; n = split($1, p, "."); if (n > 1) print "host " p[1] }'
  done
  for f in "$sys"/class/dmi/id/*_serial "$sys"/class/dmi/id/*_asset_tag "$sys"/class/dmi/id/product_uuid \
    "$sys"/block/*/device/serial "$sys"/block/*/device/wwid "$sys"/block/*/serial "$sys"/block/*/wwid \
    "$sys"/class/nvme/*/serial "$sys"/bus/usb/devices/*/serial "$sys"/class/power_supply/*/serial_number; do
    v=$(first "$f") && [ -n "$v" ] && printf 'serial %s\n' "$v"
  done
}

# Replaces what tells machines and people apart; the same name becomes the same replacement throughout.
# Bracket expressions are repeated, not counted: not every awk knows {n}.
scrub='
function mark(kind, value) {
  value = tolower(value)
  if (!((kind, value) in seen)) seen[kind, value] = ++count[kind]
  if (kind == "uuid") return sprintf("00000000-0000-4000-8000-%012d", seen[kind, value])
  return "<" kind "-" seen[kind, value] ">"
}
function isword(c) { return c ~ /[A-Za-z0-9_]/ }
function literal(text, value, kind,    low, want, at, from, end, last, done) {
  low = tolower(text); want = tolower(value); from = 1; last = 1; done = ""
  while ((at = index(substr(low, from), want)) > 0) {
    at += from - 1; end = at + length(want)
    if ((at > 1 && isword(substr(low, at - 1, 1))) || isword(substr(low, end, 1))) { from = at + 1; continue }
    done = done substr(text, last, at - last) mark(kind, value)
    last = end; from = end
  }
  return done substr(text, last)
}
function pattern(text, regex, kind,    at, from, end, last, done, before, after) {
  from = 1; last = 1; done = ""
  while (from <= length(text) && match(substr(text, from), regex)) {
    at = RSTART + from - 1; end = at + RLENGTH
    before = at > 1 ? substr(text, at - 1, 1) : ""; after = substr(text, end, 1)
    if (isword(before) || isword(after) || (numbers[kind] && (before ~ /[:.]/ || after == ":"))) { from = at + 1; continue }
    done = done substr(text, last, at - last) mark(kind, substr(text, at, end - at))
    last = end; from = end
  }
  return done substr(text, last)
}
BEGIN {
  h = "[0-9A-Fa-f]"; h2 = h h; h4 = h2 h2; h8 = h4 h4; d = "[0-9][0-9]?[0-9]?"; g = h h "?" h "?" h "?"
  mac = h2 ":" h2 ":" h2 ":" h2 ":" h2 ":" h2 "(:" h2 ")*"
  mac2 = h2 "-" h2 "-" h2 "-" h2 "-" h2 "-" h2 "(-" h2 ")*"
  uuid = h8 "-" h4 "-" h4 "-" h4 "-" h8 h4
  id = h8 h8 h8 h8 "(" h ")*"
  guid = h4 ":" h4 ":" h4 ":" h4
  ip4 = d "\\." d "\\." d "\\." d
  ip6 = g ":" g ":" g ":" g ":" g ":" g ":" g ":" g
  ip6s = g "(:" g ")*::(" g "(:" g ")*)?"
  # Kinds whose neighbours tell whether they are what they look like.
  numbers["mac"] = numbers["ip6"] = numbers["guid"] = 1
  keyed = "^(root|resume|cryptdevice|cryptkey|cryptopts|ip|nfsroot|nfsaddrs|netroot|nameserver|hostname|zfs|ostree|ds|ks|rd\\..*|luks.*|iscsi.*|inst\\..*|systemd\\.(hostname|machine_id))="
  # Names that are words of the texts themselves would take the texts apart.
  n = split("dmar iommu intel amd arm pci pcie usb kernel linux debian ubuntu fedora arch host localhost none unknown acpi vfio mdev smmu group device command line default string root system serial number asset tag not specified applicable", w, " ")
  for (i = 1; i <= n; i++) common[w[i]] = 1
  while ((getline row < names) > 0) {
    kind = substr(row, 1, index(row, " ") - 1); value = substr(row, index(row, " ") + 1)
    sub(/^[ \t]+/, "", value); sub(/[ \t\r]+$/, "", value)
    if (length(value) < (kind == "host" ? 2 : 5) || tolower(value) in common) continue
    # As short as a bus number, it would be found in every PCI address.
    if (value ~ /^[0-9a-f][0-9a-f]$/) continue
    if (value ~ /^[0-9a-f]+:[0-9a-f]+:[0-9a-f]+\.[0-7]$/ || (kind, value) in taken) continue
    taken[kind, value] = 1; kinds[++known] = kind; values[known] = value
  }
}
/^#iommu-graph section / { part = $3; print; next }
part == "dmar" || (part == "pci" && /^([0-9a-f]+:( [0-9a-f][0-9a-f])+|\*)$/) { print; next }
{
  sub(/\r$/, "")
  gsub(/[^ -~\t]/, "?")
  if (/^#iommu-graph/ && !/^#iommu-graph note / && part != "") $0 = " " $0
  if (part == "command-line" || /ommand line/) {
    text = ""
    if (match($0, /ommand line[^ ]* */)) { text = substr($0, 1, RSTART + RLENGTH - 1); $0 = substr($0, RSTART + RLENGTH) }
    n = split($0, words, " ")
    for (i = 1; i <= n; i++) {
      bare = words[i]; sub(/^"/, "", bare)
      if (match(bare, keyed)) words[i] = substr(words[i], 1, index(words[i], "=")) "<removed>"
      text = text (i > 1 ? " " : "") words[i]
    }
    $0 = text
  }
  for (i = 1; i <= known; i++) $0 = literal($0, values[i], kinds[i])
  if (/-/) { $0 = pattern($0, uuid, "uuid"); $0 = pattern($0, mac2, "mac") }
  if (/:/) { $0 = pattern($0, mac, "mac"); $0 = pattern($0, ip6, "ip6"); $0 = pattern($0, guid, "guid") }
  if (/::/) $0 = pattern($0, ip6s, "ip6")
  if (/\./) $0 = pattern($0, ip4, "ip")
  $0 = pattern($0, id, "id")
  gsub(/[Ss]erial *[Nn](umber|o)\.?[:=] *[^ ,;]+/, "serial number <removed>")
  gsub(/S\/N[:=]? *[^ ,;]+/, "S/N <removed>")
  gsub(/(wwn|naa|eui|nqn|iqn)[-.:][-A-Za-z0-9.:_]+/, "<removed>")
  gsub(/[Hh]ostname (set )?to <[^>]*>/, "hostname <removed>")
  if (/@/) $0 = pattern($0, "[A-Za-z_][-A-Za-z0-9._+]*@[A-Za-z0-9][-A-Za-z0-9.]*", "mail")
  print
}'

{
  printf '#iommu-graph bundle 1\n'
  section kernel-release
  printf '%s\n' "$release"
  section command-line
  first "$root/proc/cmdline"
  options
  dmar
  units
  groups
  pci
  mdev_types
  mdev_devices
  vfio
} >"$tmp/rest"
{
  cat "$tmp/rest"
  log
} >"$tmp/all"
names >"$tmp/identity"
{
  awk -v names="$tmp/identity" "$scrub" "$tmp/all"
  printf '#iommu-graph end\n'
} >"$tmp/bundle" || exit 1

size=$(($(wc -c <"$tmp/bundle")))
if [ "$out" = - ]; then
  cat "$tmp/bundle"
else
  cp "$tmp/bundle" "$out" || exit 1
  grep '^#iommu-graph note ' "$tmp/bundle" | sed 's/^#iommu-graph note /note: /' >&2
  printf 'wrote %s, %s bytes; read it before you give it away\n' "$out" "$size" >&2
fi
[ "$size" -lt 2097152 ] || { printf 'the bundle is larger than 2 MB\n' >&2; exit 1; }
