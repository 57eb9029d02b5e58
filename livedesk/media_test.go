package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const jpeg = "\xff\xd8\xff\xe0\x00\x10JFIF and the rest of a photo"

// file puts a file on the shelf of the world's carrier.
func (w *world) file(m smstest.Media) string {
	if w.carrier == fake(w.twilio) {
		return w.twilio.AddMedia(m)
	}
	return w.bandwidth.AddMedia(m)
}

// photo lets alice send files, and returns her message.
func (w *world) photo(addresses ...string) livedesk.Message {
	w.t.Helper()
	w.deliver(smstest.Text{From: alice, Media: addresses})
	list := w.texts(w.live(alice).ID)
	return list[len(list)-1]
}

func (w *world) fetch(ctx context.Context, message string, index int) (string, *sms.Media, error) {
	m, err := w.desk.FetchMedia(ctx, message, index)
	if err != nil {
		return "", nil, err
	}
	defer m.Close()
	b, err := io.ReadAll(m)
	return string(b), m, err
}

// mediaRequests counts what was asked of the carrier's files.
func (w *world) mediaRequests() (n int) {
	for _, r := range w.carrier.Requests() {
		if r.Kind == smstest.KindMedia {
			n++
		}
	}
	return n
}

func TestFetchMedia(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		m := w.photo(w.file(smstest.Media{Body: []byte(jpeg)}), w.file(smstest.Media{Body: []byte("<svg onload=alert(1)>")}))
		require.Zero(t, w.mediaRequests(), "only a host's call fetches")
		body, file, err := w.fetch(w.ctx(), m.ID, 0)
		require.NoError(t, err)
		require.Equal(t, jpeg, body)
		require.Equal(t, "image/jpeg", file.Type)
		_, file, err = w.fetch(w.ctx(), m.ID, 1)
		require.NoError(t, err)
		require.Equal(t, "application/octet-stream", file.Type) // F146
		require.Equal(t, m, w.message(m.ID))

		w.change(func(c *livedesk.Channel) { c.Disabled = true })
		_, _, err = w.fetch(w.ctx(), m.ID, 0)
		require.NoError(t, err, "a disabled channel sends nothing; what came can be looked at")
	})
}

func TestFetchMediaThatIsNone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		m := w.photo(w.file(smstest.Media{Body: []byte(jpeg)}))
		out, err := w.desk.Reply(w.ctx(), m.Conversation, host, livedesk.Draft{Media: []string{"https://files.example.com/a.png"}})
		require.NoError(t, err)
		note, err := w.desk.AddNote(w.ctx(), m.Conversation, host, "x")
		require.NoError(t, err)
		for _, c := range []struct {
			message string
			index   int
		}{{m.ID, 1}, {m.ID, -1}, {m.ID, 1 << 40}, {out.ID, 0}, {note.ID, 0}, {nobodys.message, 0}, {"", 0}, {m.Conversation, 0}} {
			_, err := w.desk.FetchMedia(w.ctx(), c.message, c.index)
			require.ErrorIs(t, err, livedesk.ErrNotFound, "%s %d", c.message, c.index)
		}
		_, err = w.engine.Desk("other").FetchMedia(w.ctx(), m.ID, 0)
		require.ErrorIs(t, err, livedesk.ErrNotFound)
		require.Zero(t, w.mediaRequests())

		require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
		_, err = w.desk.FetchMedia(w.ctx(), m.ID, 0)
		require.ErrorIs(t, err, livedesk.ErrChannelClosed)
		require.Equal(t, m, w.message(m.ID))
	})
}

// What is wrong with a file is told in words that a host's own API can use, and touches nothing else.
func TestFetchMediaErrors(t *testing.T) { // F141, F145, F146, F148
	t.Parallel()
	for name, c := range map[string]struct {
		media  smstest.Media
		is     error
		code   string
		status int
	}{
		"too large":          {smstest.Media{Body: make([]byte, 101)}, sms.ErrMediaTooLarge, "media_too_large", http.StatusBadGateway},
		"endless":            {smstest.Media{Body: []byte("x"), Endless: true}, sms.ErrMediaTooLarge, "media_too_large", http.StatusBadGateway},
		"short":              {smstest.Media{Body: []byte("x"), Length: 50}, sms.ErrMediaBroken, "media_failed", http.StatusBadGateway},
		"redirected inside":  {smstest.Media{Location: "https://10.0.0.1/"}, sms.ErrMediaAddress, "media_failed", http.StatusBadGateway},
		"redirected outside": {smstest.Media{Location: "https://evil.example/"}, sms.ErrMediaAddress, "media_failed", http.StatusBadGateway},
		"deleted":            {smstest.Media{Missing: 9}, sms.ErrMediaNotFound, "media_not_found", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, carrier := range []string{"twilio", "bandwidth"} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, func(s *settings) { s.RealTime, s.MaxMediaBytes = true, 100 })
					if carrier == "twilio" {
						w.twilioChannel(nil)
					} else {
						w.bandwidthChannel(nil)
					}
					m := w.photo(w.file(c.media))
					_, _, err := w.fetch(w.ctx(), m.ID, 0)
					require.ErrorIs(t, err, c.is, carrier)
					require.Equal(t, c.code, livedesk.ErrorCode(err))
					require.Equal(t, c.status, livedesk.HTTPStatus(err))
					requireNoCanary(t, "error", fmt.Sprintf("%+v", err))
					if e, ok := errors.AsType[*sms.MediaError](err); ok { // and not an error of reading
						require.Equal(t, carrier, e.Provider)
						require.Contains(t, err.Error(), m.ID)
					}
					require.Equal(t, m, w.message(m.ID))
				})
			}
		})
	}
}

// F145: an address that a forger got into a webhook is kept as it came, and asked of nobody.
func TestFetchMediaFromAForeignAddress(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		m := w.photo("https://attacker.example/x.jpg", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd")
		for i := range m.Media {
			_, err := w.desk.FetchMedia(w.ctx(), m.ID, i)
			require.ErrorIs(t, err, sms.ErrMediaAddress)
		}
		require.Zero(t, w.mediaRequests())
	})
}

// F148: a carrier whose files hang keeps no webhook and no reply waiting.
func TestMediaIsNotInTheWebhooksPath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *settings) { s.RealTime = true })
		w.twilioChannel(nil)
		w.twilio.FailFunc(func(r smstest.Request) smstest.Fault {
			if r.Kind == smstest.KindMedia {
				return smstest.Fault{Kind: smstest.FaultHang}
			}
			return smstest.Fault{}
		})
		began := time.Now()
		m := w.photo(w.file(smstest.Media{Body: []byte(jpeg)}))
		ctx, cancel := context.WithTimeout(w.ctx(), 3*time.Second)
		defer cancel()
		done := make(chan error)
		go func() {
			_, _, err := w.fetch(ctx, m.ID, 0)
			done <- err
		}()
		synctest.Wait()
		w.reply(m.Conversation, "thanks for the photo")
		w.settle()
		w.text(alice, "another text")
		require.Equal(t, []string{"thanks for the photo"}, w.bodies())
		require.Less(t, time.Since(began), time.Second)
		require.ErrorIs(t, <-done, context.DeadlineExceeded)
	})
}

// plain is a provider whose accounts can do nothing but send and parse.
type plain struct{ sms.Provider }

func (p plain) Open(s sms.Settings) (sms.Account, error) {
	a, err := p.Provider.Open(s)
	return struct{ sms.Account }{a}, err
}

func TestFetchMediaUnsupported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	m := w.photo(w.file(smstest.Media{Body: []byte(jpeg)}))
	e := w.open(func(s *settings) {
		s.Providers = []sms.Provider{plain{bandwidth.New(bandwidth.Config{Transport: w.bandwidth.Transport()})}}
	})
	_, err := e.Desk("main").FetchMedia(w.ctx(), m.ID, 0)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.Equal(t, "unsupported", livedesk.ErrorCode(err))
	require.Equal(t, http.StatusNotImplemented, livedesk.HTTPStatus(err))

	e = w.open(func(s *settings) { s.Providers = []sms.Provider{twilio.New(twilio.Config{})} })
	_, err = e.Desk("main").FetchMedia(w.ctx(), m.ID, 0)
	require.ErrorIs(t, err, livedesk.ErrChannelClosed)
}

// A file that no carrier could fetch is told to who writes, before anything is stored.
func TestDraftsWithBadMedia(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.text(alice, "hello")
	id := w.only().ID
	before := len(w.timeline(id))
	for _, c := range []struct {
		media []string
		field string
	}{
		{make([]string, 11), "media"}, {[]string{"https://a.example/x", ""}, "media[1]"}, {[]string{"a.png"}, "media[0]"}, {[]string{"HTTP://a.example/x"}, "media[0]"},
		{[]string{"ftp://a.example/x"}, "media[0]"}, {[]string{"https:///x"}, "media[0]"}, {[]string{"https://u:CANARY@a.example/x"}, "media[0]"},
		{[]string{"https://a.example/x\r\nX: CANARY"}, "media[0]"}, {[]string{"https://a.example/" + strings.Repeat("x", 2048)}, "media[0]"},
	} {
		_, err := w.desk.Reply(w.ctx(), id, host, livedesk.Draft{Media: c.media})
		require.NotEmpty(t, field(t, err, c.field))
		require.Equal(t, "invalid", livedesk.ErrorCode(err))
		requireNoCanary(t, "error", err.Error())
	}
	require.Len(t, w.timeline(id), before)
}

func TestCheckMedia(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		require.NoError(t, w.desk.CheckMedia(w.ctx(), w.ch.ID, []channel.Attachment{{ContentType: "image/png", Size: 1 << 20}}))
		err := w.desk.CheckMedia(w.ctx(), w.ch.ID, append(make([]channel.Attachment, 10), channel.Attachment{URL: "x", Size: 6 << 20}))
		require.NotEmpty(t, field(t, err, "media"))
		require.NotEmpty(t, field(t, err, "media[10].url"))
		require.NotEmpty(t, field(t, err, "media[10].size"))
		require.Equal(t, "invalid", livedesk.ErrorCode(err))
		require.ErrorIs(t, w.desk.CheckMedia(w.ctx(), nobodys.channel, nil), livedesk.ErrNotFound)
	})
}
