package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// What the carrier signs with, and where the desk says that it is. Neither is anybody's.
const (
	authToken = "7e57a0000000000000000000000000a1"
	publicURL = "https://desk.example.com/sms"
)

// side is who does the work: the desk, or the bare reference.
type side string

const (
	desk side = "desk"
	bare side = "bare"
)

// client posts webhooks as Twilio does, the same to both sides: the form, its signature, one request per event. With
// sockets it takes the way over loopback and HTTP connections that are kept.
type client struct {
	handlers map[side]http.Handler
	bases    map[side]string // of the servers; nil without sockets
	http     http.Client
	servers  []*http.Server
}

func newClient(deskHandler, bareHandler http.Handler) *client {
	return &client{handlers: map[side]http.Handler{desk: deskHandler, bare: bareHandler}}
}

// listen serves both handlers on loopback.
func (c *client) listen() error {
	c.bases = map[side]string{}
	c.http.Transport = &http.Transport{MaxIdleConnsPerHost: 4096, DisableCompression: true}
	for s, h := range c.handlers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
		c.servers = append(c.servers, server)
		c.bases[s] = "http://" + l.Addr().String()
		go func() { _ = server.Serve(l) }() // until close
	}
	return nil
}

func (c *client) close() {
	c.http.CloseIdleConnections()
	for _, s := range c.servers {
		_ = s.Close()
	}
}

// post posts a signed form to the public address and returns an error unless it is answered 204.
func (c *client) post(ctx context.Context, to side, address string, form url.Values) error {
	signature := twilio.Signature(authToken, address, form)
	path := strings.TrimPrefix(address, "https://desk.example.com")
	target := path
	if c.bases != nil {
		target = c.bases[to] + path
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	r.Header["X-Twilio-Signature"] = []string{signature}
	r.Header["User-Agent"] = []string{"TwilioProxy/1.1"}
	status, err := c.do(to, r)
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("webhook answered %d", status)
	}
	return err
}

func (c *client) do(to side, r *http.Request) (int, error) {
	if c.bases == nil {
		var a answer
		c.handlers[to].ServeHTTP(&a, r)
		return a.status, nil
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
}

// answer keeps a handler's status.
type answer struct {
	header http.Header
	body   bytes.Buffer
	status int
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// inboundForm is what Twilio posts for a customer's text.
func inboundForm(account, sid string, from, to channel.Address, body string) url.Values {
	return url.Values{
		"MessageSid": {sid}, "SmsSid": {sid}, "SmsMessageSid": {sid}, "AccountSid": {account}, "ApiVersion": {"2010-04-01"},
		"From": {string(from)}, "To": {string(to)}, "Body": {body}, "NumSegments": {"1"}, "NumMedia": {"0"},
		"SmsStatus": {"received"}, "FromCity": {"SAN FRANCISCO"}, "FromState": {"CA"}, "FromZip": {"94105"}, "FromCountry": {"US"},
		"ToCity": {"OAKLAND"}, "ToState": {"CA"}, "ToZip": {""}, "ToCountry": {"US"},
	}
}

// statusForm is what Twilio posts when a text's status changed.
func statusForm(account, sid string, from, to channel.Address, word string) url.Values {
	form := url.Values{
		"MessageSid": {sid}, "SmsSid": {sid}, "MessageStatus": {word}, "SmsStatus": {word}, "AccountSid": {account},
		"ApiVersion": {"2010-04-01"}, "From": {string(from)}, "To": {string(to)},
	}
	if word == "delivered" {
		form.Set("RawDlrDoneDate", "2611220930")
	}
	return form
}
