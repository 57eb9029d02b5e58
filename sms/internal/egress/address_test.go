package egress

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
)

// F141: every form of an address that is nobody's on the Internet.
var nobodys = []string{
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.8.9.10",
	"168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1",
	"192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1",
	"239.255.255.255", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8",
	"::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff::1",
	"100::1", "100:0:0:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff::1",
	"2001:db8::1", "2002:7f00:1::", "2002:0a00:1::1", "2002:808:808::1", "3fff::1", "3fff:fff:ffff::1", "4000::1", "5f00::1", "fc00::1", "fd00::8",
	"fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2a00::1%eth0", "64:ff9b::8.8.8.8%eth0", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1",
}

var public = []string{
	"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15",
	"169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
	"198.20.0.0", "223.255.255.255",
	"2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2606:4700::1111", "2a00::1", "3ffe::1",
	"3fff:1000::1", "64:ff9b::8.8.8.8",
}

func TestPublic(t *testing.T) {
	t.Parallel()
	require.False(t, Public(netip.Addr{}))
	for _, s := range nobodys {
		require.False(t, Public(netip.MustParseAddr(s)), s)
	}
	for _, s := range public {
		require.True(t, Public(netip.MustParseAddr(s)), s)
	}
}

// What net/netip knows by itself holds for every address; so does what an address wraps.
func FuzzPublic(f *testing.F) {
	for _, s := range append(nobodys, public...) {
		f.Add(netip.MustParseAddr(s).AsSlice())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok || !Public(a) {
			return
		}
		require.True(t, a.IsGlobalUnicast() && !a.IsPrivate() && !a.Is4In6(), a)
		if nat64.Contains(a) {
			require.True(t, Public(netip.AddrFrom4([4]byte(b[12:]))), a)
		} else if a.Is6() {
			require.EqualValues(t, 1, b[0]>>5, a)
		}
	})
}

func BenchmarkPublic(b *testing.B) {
	a := netip.MustParseAddr("2a00::1")
	b.ReportAllocs()
	for b.Loop() {
		Public(a)
	}
}

// knocks is a listener on loopback that counts who comes.
type knocks struct {
	net.Listener
	n atomic.Int32
}

func listen(t *testing.T, address string) *knocks {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("%s can't be listened on here, so nothing can be shown to stay away from it: %v", address, err)
	}
	k := &knocks{Listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			k.n.Add(1)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return k
}

func (k *knocks) port() uint16 { return uint16(k.Addr().(*net.TCPAddr).Port) }

// dialing returns the client's own dialer, for the port of a listener.
func dialing(k *knocks) *dialer {
	d := newDialer("")
	d.guarded.Control = guard(k.port())
	return d
}

func TestGuardRefusesBeforeTheFirstPacket(t *testing.T) { // F141
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "127.0.0.2:0"} {
		k := listen(t, address)
		d := dialing(k)
		_, err := d.DialContext(t.Context(), "tcp", k.Addr().String())
		require.ErrorIs(t, err, sms.ErrMediaAddress)
		require.Zero(t, k.n.Load(), "a connection was made")

		c, err := d.plain.DialContext(t.Context(), "tcp", k.Addr().String()) // the listener is there
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	k := listen(t, "0.0.0.0:0") // everything that this machine answers to
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "localhost", "::ffff:127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::]", ""} {
		_, err := dialing(k).DialContext(t.Context(), "tcp", net.JoinHostPort(host, k.Addr().String()[len("[::]:"):]))
		require.Error(t, err, host)
	}
	require.Zero(t, k.n.Load())
}

func TestGuardKnowsOnePort(t *testing.T) { // F144
	t.Parallel()
	control := newDialer("").guarded.Control
	require.NoError(t, control("tcp4", "8.8.8.8:443", nil))
	require.NoError(t, control("tcp6", "[2606:4700::1111]:443", nil))
	for _, address := range []string{"8.8.8.8:80", "8.8.8.8:8443", "8.8.8.8:22", "[2606:4700::1111]:80", "8.8.8.8", "", "/run/docker.sock", "[fe80::1%eth0]:443"} {
		require.ErrorIs(t, control("tcp", address, nil), sms.ErrMediaAddress, address)
	}
}

// A name server is asked again for each connection, and may say something else then.
func TestGuardLooksBehindNames(t *testing.T) { // F142
	t.Parallel()
	k := listen(t, "127.0.0.1:0")
	for name, answer := range map[string][]string{
		"one private":           {"127.0.0.1"},
		"several private":       {"127.0.0.1", "10.0.0.1", "169.254.169.254"},
		"a private after":       {"203.0.113.9", "127.0.0.1"},
		"mapped and translated": {"::ffff:127.0.0.1", "64:ff9b::7f00:1", "::1"},
	} {
		d := dialing(k)
		d.guarded.Resolver = nameServer(t, answer)
		transport := newTransport(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, net.JoinHostPort("cdn.example.com", k.Addr().String()[len("127.0.0.1:"):]))
		})
		c := New(Config{Provider: "test", API: api(t), Transport: transport})
		_, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a.png"))
		require.ErrorIs(t, err, sms.ErrMediaAddress, name)
	}
	require.Zero(t, k.n.Load(), "a connection was made")

	d := dialing(k) // a public address that doesn't answer, and a private one behind it; then only that: rebinding
	guarded := d.guarded.Control
	d.guarded.Control = func(network, address string, c syscall.RawConn) error {
		if strings.HasPrefix(address, "203.0.113.") {
			return syscall.EHOSTUNREACH // as if it were public, and away
		}
		return guarded(network, address, c)
	}
	for _, answer := range [][]string{{"203.0.113.9"}, {"203.0.113.9", "127.0.0.1"}, {"127.0.0.1"}} {
		d.guarded.Resolver = nameServer(t, answer)
		_, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("cdn.example.com", k.Addr().String()[len("127.0.0.1:"):]))
		require.Error(t, err)
	}
	require.Zero(t, k.n.Load(), "a connection was made")

	d = dialing(k)
	d.guarded.Control = nil // without the guard it is there
	d.guarded.Resolver = nameServer(t, []string{"127.0.0.1"})
	_, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("cdn.example.com", k.Addr().String()[len("127.0.0.1:"):]))
	require.NoError(t, err)
}

// nameServer is a resolver that gives every name these addresses.
func nameServer(t *testing.T, addresses []string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(dnsAnswer(b[:n], addresses), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// dnsAnswer answers the one question of a query (RFC 1035, 4.1) with the addresses of the type that it asks for.
func dnsAnswer(query []byte, addresses []string) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root label, type and class
	kind := binary.BigEndian.Uint16(query[end-4:])
	out := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	for _, s := range addresses {
		a := netip.MustParseAddr(s)
		if (kind == 1) != a.Is4() || kind != 1 && kind != 28 {
			continue
		}
		ip := a.AsSlice()
		out = append(out, 0xc0, 12, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(ip)))
		out = append(out, ip...)
		out[7]++
	}
	return out
}

// The API that the host's programmer chose may stand anywhere; no redirect leads there.
func TestOwnBaseIsTheProgrammersChoice(t *testing.T) {
	t.Parallel()
	k := listen(t, "127.0.0.1:0")
	base, err := url.Parse("http://" + k.Addr().String() + "/v1")
	require.NoError(t, err)
	c := New(Config{Provider: "test", API: api(t), Base: base, Places: []Place{{Host: "127.0.0.1"}, {Host: "localhost"}}})
	_, err = c.Get(t.Context(), request("https://api.example.com/v1/me/a.png"))
	require.NotErrorIs(t, err, sms.ErrMediaAddress)
	require.EqualValues(t, 1, k.n.Load())

	for _, location := range []string{base.String() + "/me/a.png", "https://" + k.Addr().String() + "/", "https://127.0.0.1/", "https://localhost/"} {
		target, err := c.redirected(base, location)
		if err == nil {
			_, err = c.cfg.Transport.RoundTrip(&http.Request{Method: http.MethodGet, URL: target, Header: http.Header{}})
		}
		require.ErrorIs(t, err, sms.ErrMediaAddress, location)
	}
	require.EqualValues(t, 1, k.n.Load())
}
