package sms_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
)

// file is a carrier's body that knows whether it was closed and how much of it was read.
type file struct {
	io.Reader
	read   int
	closed bool
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	f.read += n
	return n, err
}

func (f *file) Close() error { f.closed = true; return nil }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestMediaIsWholeOrAnError(t *testing.T) { // F146
	t.Parallel()
	lost := errors.New("lost")
	for name, c := range map[string]struct {
		body      io.Reader
		size, max int64
		want      error // nil: whole
		got       int   // bytes that came out
	}{
		"whole":                  {io.LimitReader(endless{}, 2000), 2000, 2000, nil, 2000},
		"of unknown size":        {io.LimitReader(endless{}, 2000), -1, 2000, nil, 2000},
		"byte by byte":           {iotest.OneByteReader(io.LimitReader(endless{}, 2000)), 2000, 3000, nil, 2000},
		"with its end":           {iotest.DataErrReader(io.LimitReader(endless{}, 2000)), 2000, 2000, nil, 2000},
		"as long as the head":    {io.LimitReader(endless{}, 512), 512, 512, nil, 512},
		"short":                  {strings.NewReader("x"), 1, 1, nil, 1},
		"empty":                  {strings.NewReader(""), 0, 1, nil, 0},
		"empty of unknown size":  {strings.NewReader(""), -1, 1, nil, 0},
		"no limit given":         {io.LimitReader(endless{}, 2000), 2000, 0, nil, 2000},
		"negative limit":         {io.LimitReader(endless{}, 2000), 2000, -5, nil, 2000},
		"endless":                {endless{}, -1, 2000, sms.ErrMediaTooLarge, 2000},
		"endless and small":      {endless{}, -1, 100, sms.ErrMediaTooLarge, 100},
		"one too many":           {io.LimitReader(endless{}, 2001), -1, 2000, sms.ErrMediaTooLarge, 2000},
		"one too many, at once":  {iotest.DataErrReader(io.LimitReader(endless{}, 2001)), -1, 2000, sms.ErrMediaTooLarge, 2000},
		"over the default":       {endless{}, -1, 0, sms.ErrMediaTooLarge, sms.DefaultMaxMedia},
		"shorter than announced": {io.LimitReader(endless{}, 1999), 2000, 2000, sms.ErrMediaBroken, 1999},
		"longer than announced":  {io.LimitReader(endless{}, 2001), 2000, 3000, sms.ErrMediaBroken, 2001},
		"broken":                 {io.MultiReader(io.LimitReader(endless{}, 700), iotest.ErrReader(lost)), -1, 2000, lost, 700},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &file{Reader: c.body}
			m, err := sms.NewMedia(f, "image/jpeg", c.size, c.max)
			require.NoError(t, err)
			require.Equal(t, c.size, m.Size)
			b, err := io.ReadAll(m)
			require.ErrorIs(t, err, c.want)
			require.Len(t, b, c.got)
			if c.want != nil {
				n, again := m.Read(make([]byte, 8))
				require.Zero(t, n)
				require.Equal(t, err, again)
			}
			if c.want == sms.ErrMediaTooLarge {
				require.Equal(t, c.got+1, f.read, "not more than one byte is read beyond the limit")
			}
			require.False(t, f.closed)
			require.NoError(t, m.Close())
			require.True(t, f.closed)
		})
	}
}

// What is known at once is told at once, and nothing is left open.
func TestNewMediaRefuses(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	for name, c := range map[string]struct {
		body      io.Reader
		size, max int64
		want      error
		read      int
	}{
		"announced too large": {endless{}, 2001, 2000, sms.ErrMediaTooLarge, 0},
		"over the default":    {endless{}, sms.DefaultMaxMedia + 1, 0, sms.ErrMediaTooLarge, 0},
		"short at once":       {strings.NewReader("xy"), 3, 2000, sms.ErrMediaBroken, 2},
		"long at once":        {strings.NewReader("xyz"), 2, 2000, sms.ErrMediaBroken, 3},
		"broken at once":      {io.MultiReader(strings.NewReader("x"), iotest.ErrReader(lost)), -1, 2000, lost, 1},
	} {
		f := &file{Reader: c.body}
		_, err := sms.NewMedia(f, "", c.size, c.max)
		require.ErrorIs(t, err, c.want, name)
		require.True(t, f.closed, name)
		require.Equal(t, c.read, f.read, name)
	}
}

func TestMediaAfterClose(t *testing.T) {
	t.Parallel()
	m, err := sms.NewMedia(&file{Reader: endless{}}, "", -1, 0)
	require.NoError(t, err)
	n, err := m.Read(nil)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, m.Close())
	_, err = m.Read(make([]byte, 1))
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
}

func TestMediaTells(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]string{
		"image/jpeg": "image/jpeg", "Image/JPEG; name=\"x.jpg\"": "image/jpeg", "image/jpeg; charset": "image/jpeg", "": "", "nonsense\r\n": "", ";": "",
		"text/html": "text/html",
	} {
		m, err := sms.NewMedia(&file{Reader: strings.NewReader("GIF89a…")}, told, -1, 0)
		require.NoError(t, err)
		require.Equal(t, want, m.Told, "%q", told)
		require.Equal(t, "image/gif", m.Type, "the bytes decide")
	}
}

func TestMediaError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  *sms.MediaError
		want string
	}{
		{&sms.MediaError{Provider: "twilio", Err: sms.ErrMediaAddress}, "twilio: fetch media: address is none of the carrier's media"},
		{&sms.MediaError{Provider: "twilio", Status: 404, Err: sms.ErrMediaNotFound}, "twilio: fetch media (HTTP 404): carrier has no such file"},
		{&sms.MediaError{Provider: "bandwidth", Status: 500}, "bandwidth: fetch media (HTTP 500)"},
	} {
		require.EqualError(t, c.err, c.want)
	}
	require.ErrorIs(t, &sms.MediaError{Err: context.Canceled}, context.Canceled)
	after, ok := sms.RetryAfter(&sms.MediaError{After: time.Minute})
	require.True(t, ok)
	require.Equal(t, time.Minute, after)
	_, ok = sms.RetryAfter(&sms.MediaError{})
	require.False(t, ok)
}

func BenchmarkMedia(b *testing.B) {
	body := bytes.Repeat([]byte("GIF89a"), 1<<18)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := sms.NewMedia(io.NopCloser(bytes.NewReader(body)), "image/gif", int64(len(body)), 0)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, m); err != nil {
			b.Fatal(err)
		}
	}
}
