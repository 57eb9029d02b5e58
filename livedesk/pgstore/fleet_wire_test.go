package pgstore_test

import (
	"bytes"
	"net"
	neturl "net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire is the network before a database: a proxy on loopback that breaks in the ways that networks do.
type wire struct {
	listener net.Listener

	mu       sync.Mutex
	server   string // where the database is
	fault    fault
	pairs    []*pair
	answered func() // see onCommit
}

// fault is what is wrong with a wire. The zero value is none.
type fault struct {
	refuse bool          // connections are reset, those that are open too
	hole   bool          // bytes vanish, and neither side is told; connections that were open meanwhile stay so for good
	delay  time.Duration // for each piece that passes, in both directions
	rate   int           // bytes per second; 0 means as many as come
}

// pair is a connection over the wire.
type pair struct {
	process, database net.Conn
	dead              atomic.Bool // its bytes vanish
	committing        atomic.Bool
}

func newWire(t *testing.T, database string) *wire {
	t.Helper()
	u, err := neturl.Parse(database)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: l, server: u.Host}
	go w.accept()
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
	})
	return w
}

// reach returns a database's URL with the wire before it.
func (w *wire) reach(database string) string {
	u, err := neturl.Parse(database)
	if err != nil {
		panic(err)
	}
	u.Host = w.listener.Addr().String()
	return u.String()
}

// lead lets the wire end at another server from now on.
func (w *wire) lead(database string) {
	u, err := neturl.Parse(database)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server = u.Host
}

// set lets the wire break from now on; the zero fault heals it.
func (w *wire) set(f fault) {
	w.mu.Lock()
	w.fault = f
	if f.hole {
		for _, p := range w.pairs {
			p.dead.Store(true)
		}
	}
	w.mu.Unlock()
	if f.refuse {
		w.cut()
	}
}

// onCommit calls fn once, when the database has answered the next COMMIT and the process has not learned of it yet.
func (w *wire) onCommit(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = fn
}

func (w *wire) now() (f fault, server string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault, w.server
}

// cut resets every connection that bytes still pass.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.pairs {
		p.close()
	}
	w.pairs = nil
}

func (p *pair) close() {
	for _, c := range []net.Conn{p.process, p.database} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		}
	}
}

func (w *wire) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.connect(c)
	}
}

func (w *wire) connect(c net.Conn) {
	f, server := w.now()
	p := &pair{process: c}
	if !f.refuse {
		p.database, _ = net.Dial("tcp", server)
	}
	if p.database == nil {
		p.close()
		return
	}
	w.mu.Lock()
	p.dead.Store(w.fault.hole)
	w.pairs = append(w.pairs, p)
	w.mu.Unlock()
	go w.carry(p, p.process, p.database, func(b []byte) {
		if bytes.Contains(b, []byte("COMMIT\x00")) {
			p.committing.Store(true)
		}
	})
	w.carry(p, p.database, p.process, func([]byte) {
		if p.committing.Swap(false) {
			w.committed()
		}
	})
}

func (w *wire) committed() {
	w.mu.Lock()
	fn := w.answered
	w.answered = nil
	w.mu.Unlock()
	if fn != nil {
		fn()
	}
}

// carry passes bytes on in one direction.
func (w *wire) carry(p *pair, from, to net.Conn, see func([]byte)) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		switch {
		case p.dead.Load() && err != nil:
			return // the other side is not told
		case p.dead.Load():
			continue
		case n > 0:
			see(buf[:n])
			w.slow(n)
			_, _ = to.Write(buf[:n]) // a broken one is seen by the other direction
		}
		if err != nil {
			p.close()
			return
		}
	}
}

func (w *wire) slow(n int) {
	f, _ := w.now()
	wait := f.delay
	if f.rate > 0 {
		wait += time.Duration(n) * time.Second / time.Duration(f.rate)
	}
	if wait > 0 {
		time.Sleep(wait)
	}
}
