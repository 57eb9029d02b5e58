package pgstore_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// front gives each webhook to one of the processes that are up, in turn, as the load balancer before them does.
type front struct {
	transport *http.Transport

	mu   sync.Mutex
	up   []backend
	turn int
}

type backend struct {
	process *process
	address string
}

func newFront(t *testing.T, timeout time.Duration) *front {
	f := &front{transport: &http.Transport{MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: timeout}}
	t.Cleanup(f.transport.CloseIdleConnections)
	return f
}

func (f *front) add(p *process, l *life) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up = append(f.up, backend{p, l.address})
}

func (f *front) remove(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up = slices.DeleteFunc(f.up, func(b backend) bool { return b.process == p })
	f.transport.CloseIdleConnections() // the process's server would wait for those that were never used
}

var errDown = errors.New("no process is up")

// RoundTrip implements [http.RoundTripper]. The request keeps the host that it was for.
func (f *front) RoundTrip(r *http.Request) (*http.Response, error) {
	p, _ := r.Context().Value(target{}).(*process)
	address, ok := f.choose(p)
	if !ok {
		return nil, errDown
	}
	out := r.Clone(r.Context())
	out.Host = r.URL.Host
	out.URL.Scheme, out.URL.Host = "http", address
	return f.transport.RoundTrip(out)
}

// choose returns the address of the wanted process, or of the next one where none is wanted.
func (f *front) choose(wanted *process) (address string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	for i := range f.up {
		b := f.up[(f.turn+i)%len(f.up)]
		if wanted == nil || b.process == wanted {
			return b.address, true
		}
	}
	return "", false
}

// target is the key of the process that a request is for.
type target struct{}

// to lets webhooks go to one process.
func to(ctx context.Context, p *process) context.Context { return context.WithValue(ctx, target{}, p) }
