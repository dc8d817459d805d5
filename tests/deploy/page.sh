#!/usr/bin/env bash
# In a machine of its own (machine.sh), with the packages and docs/deploy.md: the page's commands, one
# after the other, and what must be so after them.
set -euo pipefail
cp packages/*.deb .
fail() {
  printf 'page.sh: %s\n' "$1"
  journalctl -u holdfastd --no-pager -n 40 || true
  exit 1
}
holdfastd --version >/dev/null 2>&1 && fail "holdfastd is there before it is installed"

# Blocks for a root shell are "sh"; those for elsewhere (a compiler, Docker, Kubernetes) are "shell".
awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' deploy.md >commands
[[ $(wc -l <commands) -gt 40 ]] || fail "docs/deploy.md has no commands"
printf 'set -eux\nexport PS4="+ "\n' | cat - commands >as_one
bash as_one || fail "a command of the page ended with $?"

# Where a client fails it must be for what it lacks.
name=$(hostname --fqdn)
ctl() { holdfast-ctl --controller "$name:7440" "$@"; }
for role in alice gateway-2 prometheus; do
  ctl --tls-ca ca.crt --token-file "$role.token" status >/dev/null || fail "$role sees no status"
done
! ctl --tls-ca ca.crt --token-file gateway.token status || fail "a token that was removed is good still"
! ctl --tls-ca ca.crt status || fail "no token is good enough"
! ctl --token-file alice.token status || fail "no TLS is good enough"
! ctl --tls-ca ca.crt --token-file gateway-2.token drain fleet-0 || fail "a router may drain"
curl -sf --cacert ca.crt -H "Authorization: Bearer $(cat prometheus.token)" "https://$name:7441/metrics" |
  grep -q '^holdfast_build_info' || fail "a viewer gets no metrics"

# What the page says of a reload, without the restart that it has after one.
pid=$(systemctl show -p MainPID --value holdfastd)
openssl x509 -req -in tls.csr -days 30 -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copy -out tls.crt
install --mode 640 --group holdfast tls.crt /etc/holdfast/tls
sed -i '/^router gateway-2 /d' /etc/holdfast/tokens
systemctl reload holdfastd
served() { openssl s_client -connect "$name:$1" -CAfile ca.crt </dev/null 2>/dev/null | openssl x509 -noout -serial; }
for _ in $(seq 100); do
  if [[ $(served 7441) == "$(openssl x509 -noout -serial -in tls.crt)" ]]; then break; fi
  sleep 0.1
done
for port in 7440 7441; do
  [[ $(served "$port") == "$(openssl x509 -noout -serial -in tls.crt)" ]] || fail "port $port has the old certificate"
done
! ctl --tls-ca ca.crt --token-file gateway-2.token status || fail "a token that was removed is good after a reload"
ctl --tls-ca ca.crt --token-file alice.token status >/dev/null || fail "the reload locked alice out"
[[ $(systemctl show -p MainPID --value holdfastd) == "$pid" ]] || fail "the reload was a restart"

# Who may read what.
[[ $(stat -c %a:%U /var/lib/holdfast /var/lib/holdfast/store | sort -u) == 700:holdfast ]] ||
  fail "the store is open to others: $(stat -c '%n %a:%U' /var/lib/holdfast /var/lib/holdfast/store)"
[[ $(stat -c %a:%G /run/holdfast/holdfastd.sock) == 660:holdfast ]] || fail "the socket's mode is wrong"
! runuser -u nobody -- cat /etc/holdfast/tokens /etc/holdfast/tls/tls.key 2>/dev/null || fail "anybody reads the key"
[[ $(systemctl show -p NRestarts --value holdfastd) == 0 ]] || fail "the controller was restarted"
echo "all as the page has it"
