package egress

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// httpsPort is the only port that is dialed.
const httpsPort = 443

// dialer opens connections to public addresses only. It looks at the address that is really dialed, after the name
// was resolved, so that no name server can lead it elsewhere between a check and a use.
type dialer struct {
	guarded net.Dialer
	plain   net.Dialer
	// own is "host:port" of an API that the programmer of the host chose, which may stand anywhere; empty for none.
	own string
}

func newDialer(own string) *dialer {
	plain := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	guarded := plain
	guarded.Control = guard(httpsPort)
	return &dialer{guarded: guarded, plain: plain, own: own}
}

// DialContext is that of an [net/http.Transport]: addr still has the name.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.own != "" && addr == d.own {
		return d.plain.DialContext(ctx, network, addr)
	}
	return d.guarded.DialContext(ctx, network, addr)
}

// guard is a [net.Dialer] Control, called with the address before its socket is connected.
func guard(port uint16) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil || a.Port() != port || !Public(a.Addr()) {
			return sms.ErrMediaAddress
		}
		return nil
	}
}

// special4 are the blocks of IPv4 that are nobody's on the Internet: IANA's special-purpose registry (RFC 6890,
// iana.org/assignments/iana-ipv4-special-registry), multicast (RFC 5771) and what is reserved. Some single addresses of
// 192.0.0.0/24 are global by that registry; none of them serves files, and one cloud has its metadata there.
var special4 = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private, RFC 1918
	"100.64.0.0/10",    // carriers' NAT, RFC 6598
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // not in the registry: a host's own agent in Microsoft's cloud
	"169.254.0.0/16",   // link-local, and metadata of clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments
	"192.0.2.0/24",     // documentation, RFC 5737
	"192.88.99.0/24",   // 6to4 relays, RFC 7526
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks, RFC 2544
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, and the broadcast address
)

// global6 is all that IANA has given out as global unicast (iana.org/assignments/ipv6-address-space). Loopback,
// unspecified, IPv4-mapped and -compatible, discard-only (100::/64), unique local, link-local, site-local and
// multicast addresses lie outside of it, and so does 64:ff9b:1::/48, which a network translates as it likes (RFC 8215).
var global6 = netip.MustParsePrefix("2000::/3")

// special6 are the blocks within it that are none (iana.org/assignments/iana-ipv6-special-registry).
var special6 = prefixes(
	"2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
	"2001:db8::/32", // documentation, RFC 3849
	"2002::/16",     // 6to4: any IPv4 address
	"3fff::/20",     // documentation, RFC 9637
)

// nat64 is where a network without IPv4 reaches it: the address is in the last four bytes (RFC 6052, 2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Public reports whether a is a unicast address of the Internet, as far as the registries tell. One with a zone is in no
// block, and so isn't.
func Public(a netip.Addr) bool {
	switch {
	case a.Is4():
		return !inAny(special4, a)
	case nat64.Contains(a):
		b := a.As16()
		return Public(netip.AddrFrom4([4]byte(b[12:])))
	}
	return global6.Contains(a) && !inAny(special6, a)
}

func inAny(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func prefixes(s ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(s))
	for i, p := range s {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}
