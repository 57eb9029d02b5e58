package smstest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
)

// get asks for a file, with credentials if there are some.
func get(t *testing.T, via http.RoundTripper, address, authorization string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := via.RoundTrip(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func content(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(b)
}

var twilioBasic = basic(TwilioAccountSID, TwilioAuthToken)

func TestTwilioMedia(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := NewTwilio(t, TwilioConfig{})
		via := f.Transport()
		address := f.AddMedia(Media{Body: []byte("GIF89a"), ContentType: "image/gif"})
		require.Regexp(t, "^https://api.twilio.com/2010-04-01/Accounts/"+TwilioAccountSID+"/Messages/MM[0-9a-f]{32}/Media/ME[0-9a-f]{32}$", address)
		for _, wrong := range []string{"", basic(TwilioAccountSID, "x"), basic("x", TwilioAuthToken), "Bearer " + TwilioAuthToken} {
			require.Equal(t, 401, get(t, via, address, wrong).StatusCode, wrong)
		}
		require.Equal(t, 401, get(t, via, strings.Replace(address, TwilioAccountSID, "AC0", 1), twilioBasic).StatusCode)
		require.Equal(t, 404, get(t, via, address[:len(address)-1], twilioBasic).StatusCode)
		for _, proof := range []string{twilioBasic, basic(TwilioAPIKeySID, TwilioAPIKeySecret)} {
			res := get(t, via, address, proof)
			require.Equal(t, 307, res.StatusCode)
			at := res.Header.Get("Location")
			require.Regexp(t, `^https://mms\.twiliocdn\.com/\S+[?]Expires=\d+&Signature=\S+$`, at)
			require.Equal(t, 400, get(t, via, at, twilioBasic).StatusCode, "two proofs at once")
			require.Equal(t, 403, get(t, via, at+"x", "").StatusCode)
			require.Equal(t, 403, get(t, via, strings.Replace(at, "Expires=", "Expires=9", 1), "").StatusCode)
			file := get(t, via, at, "")
			require.Equal(t, "image/gif", file.Header.Get("Content-Type"))
			require.Equal(t, "GIF89a", content(t, file))
			time.Sleep(twilioMediaLife)
			require.Equal(t, 403, get(t, via, at, "").StatusCode, "after four hours")
		}
		for _, r := range f.Requests() {
			require.Equal(t, KindMedia, r.Kind)
		}
		req, _ := http.NewRequest(http.MethodPut, address, nil)
		req.Header.Set("Authorization", twilioBasic)
		res, err := via.RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, 405, res.StatusCode)
	})
}

func TestTwilioMediaOfASuspendedAccount(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{AccountStatus: "suspended"})
	require.Equal(t, 401, get(t, f.Transport(), f.AddMedia(Media{}), twilioBasic).StatusCode)
}

func TestTwilioMediaOverASocket(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{})
	u, err := url.Parse(f.AddMedia(Media{Body: []byte("GIF89a")}))
	require.NoError(t, err)
	via := newTransport(t)
	require.Equal(t, 401, get(t, via, f.URL()+u.Path, "").StatusCode)
	require.Equal(t, "GIF89a", content(t, get(t, via, f.URL()+u.Path, twilioBasic)))
}

func TestBandwidthMedia(t *testing.T) {
	t.Parallel()
	f := NewBandwidth(t, BandwidthConfig{})
	legacy := basic(BandwidthAPIUser, BandwidthAPIPassword)
	address := f.AddMedia(Media{Body: []byte("GIF89a"), ContentType: "image/gif", Name: "été à la mer.gif"})
	require.Regexp(t, `^https://messaging\.bandwidth\.com/api/v2/users/9900901/media/\w+/0/%C3%A9t%C3%A9%20%C3%A0%20la%20mer\.gif$`, address)
	u, err := url.Parse(address)
	require.NoError(t, err)
	for base, via := range map[string]http.RoundTripper{"https://messaging.bandwidth.com": f.Transport(), f.URL(): newTransport(t)} {
		at := base + u.EscapedPath()
		require.Equal(t, 401, get(t, via, at, "").StatusCode)
		require.Equal(t, 401, get(t, via, at, "Bearer x").StatusCode)
		require.Equal(t, 403, get(t, via, strings.Replace(at, BandwidthAccountID, "1", 1), legacy).StatusCode)
		require.Equal(t, 404, get(t, via, at+"x", legacy).StatusCode)
		file := get(t, via, at, legacy)
		require.Equal(t, "image/gif", file.Header.Get("Content-Type"))
		require.EqualValues(t, 6, file.ContentLength)
		require.Equal(t, "GIF89a", content(t, file))
	}
	at := f.AddMedia(Media{Location: "https://10.0.0.1/x"})
	res := get(t, f.Transport(), at, legacy)
	require.Equal(t, 307, res.StatusCode)
	require.Equal(t, "https://10.0.0.1/x", res.Header.Get("Location"))
}

// What is wrong with a file is the same over a socket and in process.
func TestMediaFaults(t *testing.T) {
	t.Parallel()
	f := NewBandwidth(t, BandwidthConfig{})
	legacy := basic(BandwidthAPIUser, BandwidthAPIPassword)
	for name, c := range map[string]struct {
		media  Media
		length int64
		want   string // at most 10 bytes of the body
		err    error
	}{
		"nothing":        {Media{Body: []byte("12345")}, 5, "12345", nil},
		"empty":          {Media{}, 0, "", nil},
		"not announced":  {Media{Body: []byte("12345"), Length: -1}, -1, "12345", nil},
		"too short":      {Media{Body: []byte("12345"), Length: 8}, 8, "12345", io.ErrUnexpectedEOF},
		"too long":       {Media{Body: []byte("12345"), Length: 3}, 3, "123", nil},
		"endless":        {Media{Body: []byte("123"), Endless: true}, -1, "1231231231", nil},
		"endless, empty": {Media{Endless: true}, -1, strings.Repeat("\x00", 10), nil},
		"endless, cut":   {Media{Body: []byte("123"), Endless: true, Length: 8}, 8, "12312312", nil},
		"encoded":        {Media{Body: []byte("12345"), Encoding: "br"}, 5, "12345", nil},
	} {
		for way, via := range map[string]http.RoundTripper{"socket": newTransport(t), "in process": f.Transport()} {
			address := f.AddMedia(c.media)
			if way == "socket" {
				address = f.URL() + strings.TrimPrefix(address, "https://messaging.bandwidth.com")
			}
			res := get(t, via, address, legacy)
			require.Equal(t, c.length, res.ContentLength, "%s, %s", name, way)
			require.Equal(t, c.media.Encoding, res.Header.Get("Content-Encoding"))
			require.Equal(t, "image/jpeg", res.Header.Get("Content-Type"))
			b, err := io.ReadAll(io.LimitReader(res.Body, 10))
			require.ErrorIs(t, err, c.err, "%s, %s", name, way)
			require.Equal(t, c.want, string(b), "%s, %s", name, way)
			require.NoError(t, res.Body.Close())
		}
	}
	address := f.AddMedia(Media{Body: []byte("x"), Missing: 2})
	for _, want := range []int{404, 404, 200, 200} {
		require.Equal(t, want, get(t, f.Transport(), address, legacy).StatusCode)
	}
	f.FailFunc(func(r Request) Fault {
		if r.Kind == KindMedia {
			return Fault{Kind: FaultStatus, Status: 503}
		}
		return Fault{}
	})
	require.Equal(t, 503, get(t, f.Transport(), address, legacy).StatusCode)
}

// The webhook says of a file what the carrier says of it.
func TestWebhookTellsTheMediaType(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{})
	var form url.Values
	f.SetWebhooks("https://desk.example.com/sms/k", HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		w.WriteHeader(http.StatusNoContent)
	})))
	d, err := f.Deliver(context.Background(), Text{From: channel.Address("+14155550101"), Media: []string{
		f.AddMedia(Media{ContentType: "text/x-vcard"}), f.AddMedia(Media{}), "https://elsewhere.example/a.png", "%zz.gif"}})
	require.NoError(t, err)
	require.True(t, d.OK())
	require.Equal(t, []string{"text/x-vcard", "image/jpeg", "image/png", "image/gif"}, []string{form.Get("MediaContentType0"),
		form.Get("MediaContentType1"), form.Get("MediaContentType2"), form.Get("MediaContentType3")})
}
