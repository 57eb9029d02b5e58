package twilio

import (
	"bytes"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// What one webhook may hold.
const (
	maxParams  = 1000
	maxKey     = 128      // bytes of a name; Twilio's longest has 28
	maxAddress = 256      // bytes of From and To; RCS and WhatsApp ids are long
	maxWord    = 64       // bytes of a state's name that are kept
	maxValue   = 16 << 10 // bytes of one value in Inbound.Fields; AddOns is JSON, and cut it is none
	maxFields  = 32 << 10
	maxFiles   = 100 // attachments; Twilio delivers 10
)

// params reads a form strictly. The first thing in doubt is kept in err, and the event made of it isn't used.
type params struct {
	values url.Values
	err    error
}

func (p *params) fail(why string) {
	if p.err == nil {
		p.err = malformed(why)
	}
}

// parseForm reads the body before anything in it is trusted, so all that it costs is bounded.
func parseForm(body []byte) (*params, error) {
	if bytes.Count(body, []byte{'&'}) >= maxParams {
		return nil, malformed("more than 1000 parameters")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed("bad escape in the form") // its own words quote the form
	}
	for k := range values {
		if !properName(k) {
			return nil, malformed("improper name of a parameter")
		}
	}
	return &params{values: values}, nil
}

// borders fails on a parameter that may have been cut anew under a good signature.
func (p *params) borders() {
	var joined []byte
	for k, vs := range p.values {
		if k == "Body" {
			continue // people write what they like
		}
		for _, v := range vs {
			joined = append(append(joined[:0], k...), v...)
			if p.misread(joined, len(k)) {
				p.fail("a parameter within another")
			}
		}
	}
}

func properName(k string) bool {
	if k == "" || len(k) > maxKey {
		return false
	}
	for i := range len(k) {
		switch c := k[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// known are the parameters that decide what a webhook means, each with how its value begins.
var known = []struct {
	name   string
	begins []string
}{
	{"AccountSid", []string{"AC"}},
	{"MessageSid", []string{"SM", "MM"}},
	{"MessagingServiceSid", []string{"MG"}},
	{"OptOutType", optOutTypes},
	{"From", []string{"+", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "whatsapp:", "rcs:"}},
	{"NumMedia", []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
	{"ErrorCode", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}},
	{"MessageStatus", []string{"a", "c", "d", "f", "q", "r", "s", "u"}},
}

var optOutTypes = []string{"STOP", "START", "HELP"}

// misread reports a parameter, its name and value joined and the border between them given, that holds a known one
// with its border elsewhere. The signature doesn't see borders (see the package comment). Whoever moves them has to
// leave the true parameters somewhere: with a name cut short or too long, or within the value of another. A name that
// only ends like a known one ("SmsMessageSid") is in order where the known one is there too.
func (p *params) misread(joined []byte, border int) bool {
	for _, k := range known {
		for rest := joined; ; {
			i := bytes.Index(rest, []byte(k.name))
			if i < 0 {
				break
			}
			rest = rest[i+len(k.name):]
			end := len(joined) - len(rest)
			inPlace := end == border && (end == len(k.name) || p.has(k.name))
			if !inPlace && beginsWithAny(rest, k.begins) {
				return true
			}
		}
	}
	return false
}

func beginsWithAny(b []byte, prefixes []string) bool {
	for _, p := range prefixes {
		if len(b) >= len(p) && string(b[:len(p)]) == p {
			return true
		}
	}
	return false
}

// places end the names of the parameters beside From and To: with one of these, "FromCity" and "Rome" can be read as
// "From" and "CityRome".
var places = []string{"City", "Country", "State", "Zip"}

func (p *params) has(name string) bool { return len(p.values[name]) > 0 }

// one returns the only value of a parameter, "" when it isn't there. Two values are a doubt, equal or not.
func (p *params) one(name string) string {
	switch v := p.values[name]; len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	}
	p.fail("a parameter is given twice")
	return ""
}

// messageID returns the id of the message, by which everything is told apart.
func (p *params) messageID() string {
	id := p.one("MessageSid")
	if !messageSID.MatchString(id) {
		p.fail("MessageSid is missing or misshapen")
	}
	for _, old := range []string{"SmsSid", "SmsMessageSid"} { // the same, under names of earlier versions
		if p.has(old) && p.one(old) != id {
			p.fail("two message ids")
		}
	}
	return id
}

// address returns From or To. An empty one is a carrier's way to say "anonymous"; a missing one is a doubt, and so is
// one that may be cut out of its neighbours.
func (p *params) address(name string) channel.Address {
	v := p.one(name)
	if !p.has(name) {
		p.fail("an address is missing")
	}
	if !properAddress(v) {
		p.fail("an address is misshapen")
	}
	for _, place := range places {
		// A text with the sender in it is no doubt by itself, nor is a sender called "Citybank". Both are.
		if strings.Contains(v, name+place) || strings.HasPrefix(v, place) && p.misread([]byte(p.one("Body")), -1) {
			p.fail("an address is misshapen")
		}
	}
	return channel.Address(v)
}

func properAddress(v string) bool {
	control := func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }
	return len(v) <= maxAddress && !strings.ContainsFunc(v, control)
}

func (p *params) service() string {
	v := p.one("MessagingServiceSid")
	if v != "" && !serviceSID.MatchString(v) {
		p.fail("MessagingServiceSid is misshapen")
	}
	return v
}

// consent reads OptOutType, which comes with Advanced Opt-Out only; Twilio has then answered the customer already.
// A word that we don't know is no consent, but a known one with less or more to it is a doubt.
func (p *params) consent() channel.Consent {
	v := p.one("OptOutType")
	switch v {
	case "STOP":
		return channel.OptOut
	case "START":
		return channel.OptIn
	case "HELP":
		return channel.Help
	}
	recut := func(word string) bool { return strings.HasPrefix(word, v) || strings.HasPrefix(v, word) }
	if p.has("OptOutType") && slices.ContainsFunc(optOutTypes, recut) {
		p.fail("OptOutType is misshapen")
	}
	return channel.ConsentNone
}

func (p *params) country(name string) string {
	v := p.one(name)
	if len(v) != 2 || v[0] < 'A' || v[0] > 'Z' || v[1] < 'A' || v[1] > 'Z' {
		return ""
	}
	return v
}

// count returns a number that may be left out or empty.
func (p *params) count(name string) int {
	v := p.one(name)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil {
		p.fail("a count is not a number")
	}
	return int(n)
}

// media returns the attachments, of which there must be exactly as many as were counted.
func (p *params) media() []channel.Attachment {
	n := p.count("NumMedia")
	if n > maxFiles || p.has("MediaUrl"+strconv.Itoa(n)) {
		p.fail("more attachments than were counted, or than we take")
		return nil
	}
	var out []channel.Attachment
	for i := range n {
		u := p.one("MediaUrl" + strconv.Itoa(i))
		if u == "" {
			p.fail("an attachment that was counted is missing")
		}
		out = append(out, channel.Attachment{
			URL:         channel.Clean(u),
			ContentType: channel.Clean(p.one("MediaContentType" + strconv.Itoa(i))),
		})
	}
	return out
}

// fields returns every parameter but the text, which Inbound.Text has. They are cleaned and cut, and those that are
// too much together are left out, last names first.
func (p *params) fields() map[string]string {
	out := make(map[string]string, len(p.values))
	left := maxFields
	for _, k := range slices.Sorted(maps.Keys(p.values)) {
		if k == "Body" {
			continue
		}
		v := cut(channel.Clean(strings.Join(p.values[k], "\n")), maxValue)
		if left -= len(k) + len(v); left < 0 {
			break
		}
		out[k] = v
	}
	return out
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
