package smstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// mediaClauses: files that go out, and, where an account is an [sms.MediaFetcher] and its carrier a [MediaCarrier],
// files that came in.
var mediaClauses = []clause{
	{"send_bad_media", "A text with a file's address that nobody can fetch is final.", checkBadMedia},
	{"media", "FetchMedia opens a file with the account's credentials; its bytes give it its type.", checkMedia},
	{"media_foreign", "An address that is none of the account's media is refused, and nothing is asked.", checkForeignMedia},
	{"media_redirect", "A redirect to a host that isn't the carrier's is refused.", checkMediaRedirect},
	{"media_bounded", "At most max bytes are read of a file, whatever was announced.", checkMediaBounded},
	{"media_broken", "A file that isn't as long as announced ends with ErrMediaBroken.", checkMediaBroken},
	{"media_missing", "A file that the carrier doesn't have any more is ErrMediaNotFound.", checkMediaMissing},
	{"media_wrong_credentials", "Credentials that the carrier refuses are a MediaError with its status.", checkMediaWrongCredentials},
	{"media_canceled", "FetchMedia honours its context, also while the file is read.", checkMediaCanceled},
}

func checkBadMedia(ctx context.Context, r *rig) error {
	var errs []error
	for _, u := range []string{"", "menu.png", "https:///menu.png", "ftp://media.example.com/a.png", "https://media.example.com/a\r\nX-Evil: 1"} {
		m := r.text()
		m.Media = []string{"https://media.example.com/a.png", u}
		if err := r.refused(ctx, m, 1, final...); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", u, err))
		}
	}
	return errors.Join(errs...)
}

// shelved adds a file to the carrier and returns what fetches it.
func (r *rig) shelved(m Media) (sms.MediaFetcher, string, error) {
	f, ok := r.current().(sms.MediaFetcher)
	if !ok {
		return nil, "", absent("the account is no sms.MediaFetcher")
	}
	c, ok := r.carrier.(MediaCarrier)
	if !ok {
		return nil, "", absent("the carrier is no MediaCarrier")
	}
	return f, c.AddMedia(m), nil
}

// download fetches a file whole.
func (r *rig) download(ctx context.Context, f sms.MediaFetcher, address string, max int64) ([]byte, *sms.Media, error) {
	m, err := f.FetchMedia(ctx, address, max)
	if err != nil {
		if e, ok := errors.AsType[*sms.MediaError](r.seen(err)); !ok || e.Provider != r.provider.Name() {
			return nil, nil, fmt.Errorf("%T is no *sms.MediaError of this provider", err)
		}
		return nil, nil, err
	}
	defer m.Close()
	b, err := io.ReadAll(m)
	return b, m, r.seen(err)
}

var gif = []byte("GIF89a and the rest")

func checkMedia(ctx context.Context, r *rig) error {
	f, address, err := r.shelved(Media{Body: gif, ContentType: "image/jpeg"})
	if err != nil {
		return err
	}
	for range 2 {
		b, m, err := r.download(ctx, f, address, 0)
		switch {
		case err != nil:
			return err
		case !bytes.Equal(b, gif):
			return fmt.Errorf("%q arrived", b)
		case m.Type != "image/gif":
			return fmt.Errorf("the type is %q", m.Type)
		}
	}
	return nil
}

func checkForeignMedia(ctx context.Context, r *rig) error {
	f, address, err := r.shelved(Media{Body: gif})
	if err != nil {
		return err
	}
	before := len(r.carrier.Requests())
	var errs []error
	for _, foreign := range []string{
		"", "x", "https://elsewhere.example/a.gif", "https://127.0.0.1/a.gif", "https://169.254.169.254/latest/meta-data/", "file:///etc/passwd",
		strings.Replace(address, "https://", "http://", 1), strings.Replace(address, "https://", "https://user:password@", 1),
		strings.Replace(address, "https://", "https://elsewhere.example/", 1), strings.Replace(address, "https://", "https://x", 1), address + "/../../../../..", address + "?x=y",
	} {
		if _, _, err := r.download(ctx, f, foreign, 0); !errors.Is(err, sms.ErrMediaAddress) {
			errs = append(errs, fmt.Errorf("%q: %v does not wrap sms.ErrMediaAddress", foreign, err))
		}
	}
	if n := len(r.carrier.Requests()) - before; n > 0 {
		errs = append(errs, fmt.Errorf("the carrier saw %d requests", n))
	}
	return errors.Join(errs...)
}

func checkMediaRedirect(ctx context.Context, r *rig) error {
	var errs []error
	for _, location := range []string{"https://elsewhere.example/a.gif", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/", "http://127.0.0.1/"} {
		f, address, err := r.shelved(Media{Location: location})
		if err != nil {
			return err
		}
		if _, _, err := r.download(ctx, f, address, 0); !errors.Is(err, sms.ErrMediaAddress) {
			errs = append(errs, fmt.Errorf("%s: %v does not wrap sms.ErrMediaAddress", location, err))
		}
	}
	for _, q := range r.carrier.Requests() {
		if strings.Contains(q.URL, "elsewhere.example") {
			errs = append(errs, errors.New("the redirect was followed"))
		}
	}
	return errors.Join(errs...)
}

func checkMediaBounded(ctx context.Context, r *rig) error {
	const max = 4096
	for name, m := range map[string]Media{
		"too large": {Body: make([]byte, max+1)}, "announced too large": {Body: gif, Length: 1 << 40},
		"too large, unannounced": {Body: make([]byte, max+1), Length: -1}, "endless": {Body: gif, Endless: true},
	} {
		f, address, err := r.shelved(m)
		if err != nil {
			return err
		}
		b, _, err := r.download(ctx, f, address, max)
		if !errors.Is(err, sms.ErrMediaTooLarge) || len(b) > max {
			return fmt.Errorf("%s: %d bytes, and %v does not wrap sms.ErrMediaTooLarge", name, len(b), err)
		}
	}
	f, address, err := r.shelved(Media{Body: make([]byte, max)})
	if err != nil {
		return err
	}
	if b, _, err := r.download(ctx, f, address, max); err != nil || len(b) != max {
		return fmt.Errorf("a file of max bytes: %d bytes, %v", len(b), err)
	}
	return nil
}

func checkMediaBroken(ctx context.Context, r *rig) error {
	f, address, err := r.shelved(Media{Body: make([]byte, 1000), Length: 2000})
	if err != nil {
		return err
	}
	if _, _, err := r.download(ctx, f, address, 0); !errors.Is(err, sms.ErrMediaBroken) {
		return fmt.Errorf("%v does not wrap sms.ErrMediaBroken", err)
	}
	return nil
}

// failing opens a file and makes the carrier break every request from then on.
func (r *rig) failing(ctx context.Context, m Media, fault Fault) (f sms.MediaFetcher, address string, err error) {
	if f, address, err = r.shelved(m); err != nil {
		return nil, "", err
	}
	carrier, ok := r.carrier.(interface{ FailFunc(func(Request) Fault) })
	if !ok {
		return nil, "", absent("the carrier has no FailFunc")
	}
	carrier.FailFunc(nil)
	_, _, err = r.download(ctx, f, address, 0) // so that a token is there
	carrier.FailFunc(func(Request) Fault { return fault })
	return f, address, err
}

func checkMediaMissing(ctx context.Context, r *rig) error {
	f, address, err := r.failing(ctx, Media{Body: gif}, Fault{Kind: FaultStatus, Status: http.StatusGone})
	if err != nil {
		return err
	}
	if _, _, err := r.download(ctx, f, address, 0); !errors.Is(err, sms.ErrMediaNotFound) {
		return fmt.Errorf("%v does not wrap sms.ErrMediaNotFound", err)
	}
	return nil
}

func checkMediaWrongCredentials(ctx context.Context, r *rig) error {
	if err := r.reopen(r.rotated()); err != nil {
		return err
	}
	f, address, err := r.shelved(Media{Body: gif})
	if err != nil {
		return err
	}
	_, _, err = r.download(ctx, f, address, 0)
	if e, ok := errors.AsType[*sms.MediaError](err); !ok || e.Status != 401 && e.Status != 403 {
		return fmt.Errorf("%v is no MediaError with status 401 or 403", err)
	}
	return nil
}

func checkMediaCanceled(ctx context.Context, r *rig) error {
	for _, fault := range []Fault{{Kind: FaultHang}, {Kind: FaultSlow, Accept: true}} {
		f, address, err := r.failing(ctx, Media{Body: make([]byte, 4000)}, fault)
		if err != nil {
			return err
		}
		short, cancel := context.WithTimeout(ctx, hangs)
		began := time.Now()
		_, _, err = r.download(short, f, address, 0)
		cancel()
		if took := time.Since(began); took > hangs+5*time.Second {
			return fmt.Errorf("%s: it took %v to notice", fault.Kind, took)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%s: %v does not wrap context.DeadlineExceeded", fault.Kind, err)
		}
	}
	return nil
}
