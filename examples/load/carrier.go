package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/livedesk/livedesk-go/channel"
)

// carrier takes texts as Twilio's API does, at once and in this process. It counts texts that come out of order or twice:
// each text to a customer says its place.
type carrier struct {
	ids  ids
	next *atomic.Uint64 // of message ids

	mu         sync.Mutex
	last       map[channel.Address]int // place of the last text to each
	taken      int
	disordered int
	want       int
	done       chan struct{} // closed when want texts were taken
}

func newCarrier(s ids, next *atomic.Uint64) *carrier {
	return &carrier{ids: s, next: next, last: map[channel.Address]int{}}
}

// expect begins to count anew. The channel is closed once n texts were taken.
func (c *carrier) expect(n int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.last)
	c.taken, c.disordered, c.want, c.done = 0, 0, n, make(chan struct{})
	return c.done
}

// count returns how many texts were taken since expect, and how many of them out of order or again.
func (c *carrier) count() (taken, disordered int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken, c.disordered
}

// RoundTrip implements [http.RoundTripper].
func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if err := c.take(channel.Address(form.Get("To")), form.Get("Body")); err != nil {
		return nil, err
	}
	answer := fmt.Sprintf(`{"sid":%q,"status":"queued","num_segments":"1","direction":"outbound-api","error_code":null}`,
		c.ids.sid(c.next.Add(1)))
	return &http.Response{
		Status: "201 Created", StatusCode: http.StatusCreated, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)),
		ContentLength: int64(len(answer)), Request: r,
	}, nil
}

func (c *carrier) take(to channel.Address, body string) error {
	var place int
	if _, err := fmt.Sscanf(body, "#%d", &place); err != nil {
		return fmt.Errorf("a text without its place: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if place != c.last[to]+1 {
		c.disordered++
	}
	c.last[to] = max(place, c.last[to])
	if c.taken++; c.taken == c.want {
		close(c.done)
	}
	return nil
}

// numbered is the text with a place among those to one customer, beginning with 1.
func numbered(place int) string {
	return fmt.Sprintf("#%d Your parcel has left our warehouse and arrives tomorrow between 9 and 11.", place)
}
