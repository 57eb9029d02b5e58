package bandwidth

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

const (
	maxID      = 128 // bytes of a message id; Bandwidth's have 29
	maxAddress = 64  // bytes of a number or name
	maxType    = 64  // bytes of an unknown type that are kept
	maxField   = 128 // bytes of carrierName and channel that are kept
)

// Why an event is [channel.Unread]. None of them repeats what the event held.
var (
	errNotObject   = errors.New("event is not an object with a type")
	errNoMessage   = errors.New("event has no message")
	errApplication = errors.New("event is of another application")
	errDirection   = errors.New("direction contradicts the type")
	errID          = errors.New("message id is missing or has the wrong form")
	errAddress     = errors.New("a number is missing or has the wrong form")
	errText        = errors.New("text is not a string")
	errMedia       = errors.New("media is not a list of addresses")
)

// statuses are the types of a status callback. message-failed stands for both a refusal by Bandwidth and one by the
// last carrier; which it was, the code's second digit tells (6 and 7: the carrier).
var statuses = map[string]channel.DeliveryStatus{
	"message-sending":   channel.StatusAccepted,
	"message-sent":      channel.StatusSent,
	"message-delivered": channel.StatusDelivered,
	"message-failed":    channel.StatusFailed,
	"message-read":      channel.StatusRead,
}

const (
	typeReceived = "message-received"
	typeFailed   = "message-failed"
)

// event reads one element of the array. Names that we don't know are passed over: Bandwidth adds some without notice.
func (a *account) event(raw []byte) channel.Event {
	o := read(raw)
	kind, ok := o.text("type")
	if !ok || kind == "" {
		return channel.Unread{Err: errNotObject}
	}
	status, receipt := statuses[kind]
	if !receipt && kind != typeReceived {
		return channel.Unread{Type: cut(kind, maxType)}
	}
	m := read(o.value("message"))
	if m == nil {
		return channel.Unread{Type: kind, Err: errNoMessage}
	}
	var e channel.Event
	var err error
	if receipt {
		e, err = a.receipt(o, m, kind, status)
	} else {
		e, err = a.inbound(o, m)
	}
	if err != nil {
		return channel.Unread{Type: kind, Err: err}
	}
	return e
}

// identify checks what every event must have and returns the message's id. The account is not in a callback, so the
// application is what ties it to this connection.
func (a *account) identify(m object, direction string) (string, error) {
	app, ok := m.text("applicationId")
	if !ok || strings.ToLower(app) != a.application {
		return "", errApplication
	}
	if d, ok := m.text("direction"); !ok || d != "" && d != direction {
		return "", errDirection
	}
	id, ok := m.text("id")
	if !ok || !isID(id) {
		return "", errID
	}
	return id, nil
}

func (a *account) inbound(o, m object) (channel.Event, error) {
	id, err := a.identify(m, "in")
	if err != nil {
		return nil, err
	}
	in := channel.Inbound{
		ID:       id,
		At:       instant(m, "time"),
		Segments: m.count("segmentCount"),
		Fields:   extras(o, m),
	}
	if in.At.IsZero() {
		in.At = instant(o, "time")
	}
	if err := participants(o, m, &in); err != nil {
		return nil, err
	}
	var ok bool
	if in.Text, ok = m.text("text"); !ok {
		return nil, errText
	}
	media, ok := m.texts("media")
	if !ok {
		return nil, errMedia
	}
	in.Media = attachments(media)
	return in, nil
}

// participants fills From, To and Others. The owner is our number that this copy is for: a group message to several of
// our numbers comes once for each, with an id of its own.
func participants(o, m object, in *channel.Inbound) error {
	from, ok := m.text("from")
	if !ok || m.value("from") == nil || !isAddress(from) { // an empty one is anonymous, and still a text
		return errAddress
	}
	owner, ok := m.text("owner")
	if !ok {
		return errAddress
	}
	if owner == "" {
		if owner, ok = o.text("to"); !ok {
			return errAddress
		}
	}
	if owner == "" || !isAddress(owner) {
		return errAddress
	}
	in.From, in.To = address(from), address(owner)
	all, ok := m.texts("to")
	if !ok {
		return errAddress
	}
	for _, s := range all {
		if !isAddress(s) {
			return errAddress
		}
		if n := address(s); n != "" && n != in.To && n != in.From && !slices.Contains(in.Others, n) {
			in.Others = append(in.Others, n)
		}
	}
	return nil
}

func (a *account) receipt(o, m object, kind string, status channel.DeliveryStatus) (channel.Event, error) {
	id, err := a.identify(m, "out")
	if err != nil {
		return nil, err
	}
	rc := channel.Receipt{ID: id, Status: status, Word: kind, At: instant(o, "eventTime")}
	if rc.At.IsZero() {
		rc.At = instant(o, "time")
	}
	if tag, ok := m.text("tag"); ok && isRef(tag) { // anybody who sends through the application can set a tag
		rc.Ref = tag
	}
	if kind == typeFailed {
		rc.Code, rc.Reason = failure(o.value("errorCode"))
		if rc.Reason == channel.ReasonUnknown {
			rc.Status = channel.StatusUnknown // 9902 and its kin: nobody confirmed, it may well have arrived
		}
	}
	return rc, nil
}

// failure reads an errorCode, a number or a string of digits.
func failure(raw []byte) (string, channel.Reason) {
	s := strings.Trim(string(raw), `"`)
	code, err := strconv.Atoi(s)
	if err != nil || code <= 0 || code > 99999 {
		return "", channel.ReasonOther
	}
	return strconv.Itoa(code), reasonOf(code)
}

// address writes a number that came without its '+' in E.164; Bandwidth's older examples have such. Eight digits or
// fewer are a short code.
func address(s string) channel.Address {
	if len(s) < 9 || len(s) > 15 || s[0] == '0' || strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' }) {
		return channel.Address(s)
	}
	return channel.Address("+" + s)
}

func isAddress(s string) bool {
	return len(s) <= maxAddress && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// isID reports whether s can be the carrier's id: 1 to 128 printable ASCII characters without blanks.
func isID(s string) bool {
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

// instant reads RFC 3339 with a fraction of any length; zero when it can't.
func instant(o object, name string) time.Time {
	s, _ := o.text(name)
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// extras keeps what a desk may want to know beside the text. Both are rare, so there is mostly no map.
func extras(o, m object) map[string]string {
	var fields map[string]string
	keep := func(from object, name string) {
		s, _ := from.text(name)
		if s == "" {
			return
		}
		if fields == nil {
			fields = make(map[string]string, 2)
		}
		fields[name] = cut(s, maxField)
	}
	keep(o, "carrierName") // only where the account has that feature
	keep(m, "channel")
	return fields
}

func attachments(urls []string) []channel.Attachment {
	var list []channel.Attachment
	for _, u := range urls {
		if u != "" {
			list = append(list, channel.Attachment{URL: u, ContentType: mediaTypes[strings.ToLower(path.Ext(u))]})
		}
	}
	return list
}

// mediaTypes are the types by the extension that Bandwidth gives a file, which is all it says. The list is our own,
// since package mime reads the machine's. An extension that is not here has no type.
var mediaTypes = map[string]string{
	".3gp":  "video/3gpp",
	".aac":  "audio/aac",
	".amr":  "audio/amr",
	".bmp":  "image/bmp",
	".csv":  "text/csv",
	".gif":  "image/gif",
	".heic": "image/heic",
	".ics":  "text/calendar",
	".jpeg": "image/jpeg",
	".jpg":  "image/jpeg",
	".m4a":  "audio/mp4",
	".mov":  "video/quicktime",
	".mp3":  "audio/mpeg",
	".mp4":  "video/mp4",
	".ogg":  "audio/ogg",
	".pdf":  "application/pdf",
	".png":  "image/png",
	".smil": "application/smil",
	".txt":  "text/plain",
	".vcf":  "text/vcard",
	".wav":  "audio/wav",
	".webm": "video/webm",
	".webp": "image/webp",
	".xml":  "application/xml",
}

// cut shortens s to n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
