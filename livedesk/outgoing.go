package livedesk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// Draft is a text that a person or the host writes.
type Draft struct {
	// Text is cut at words into at most ten messages of what the carrier takes at once (1,600 characters each at Twilio, 2,048
	// at Bandwidth); a longer one is refused, and so is an empty one without Media.
	Text string `json:"text"`
	// Media are https URLs that the carrier fetches (MMS), at most 10 of at most 2048 bytes. [Desk.CheckMedia] checks the
	// files themselves.
	Media []string `json:"media,omitempty"`
	// Key is the caller's idempotency key, unique in the conversation: the same key again returns what was stored the
	// first time. Empty means none. At most 128 bytes.
	Key string `json:"key,omitempty"`

	resendOf string // the text that this one repeats
}

// maxParts is how many messages one text may be split into.
const maxParts = 10

// clean returns the draft as it is kept, or every problem that it has.
func (d Draft) clean() (Draft, error) {
	d.Text = channel.Clean(d.Text)
	switch {
	case strings.TrimSpace(d.Text) == "" && len(d.Media) == 0:
		return d, invalid("text", "is empty")
	case d.Key != "" && checkID("key", d.Key) != nil:
		return d, checkID("key", d.Key)
	case strings.HasPrefix(d.Key, autoKeyPrefix):
		return d, invalid("key", "must not begin with "+autoKeyPrefix)
	}
	if err := draftMedia.CheckURLs(d.Media); err != nil {
		return d, err
	}
	for i, m := range d.Media {
		if !strings.HasPrefix(m, "https://") {
			return d, invalid(fmt.Sprintf("media[%d]", i), "must be an https URL")
		}
	}
	return d, nil
}

// draftMedia is what every carrier takes; each has limits of its own beside, see [Desk.CheckMedia].
var draftMedia = sms.MediaLimits{Files: 10, URL: 2048}

// parts cuts a text into messages that the channel's carrier takes.
func (d Draft) parts(ch *channelInfo) ([]string, error) {
	parts := sms.Split(ch.spell(d.Text), ch.maxText())
	if len(parts) > maxParts {
		return nil, invalid("text", fmt.Sprintf("is too long (at most %d characters)", maxParts*ch.maxText()))
	}
	if len(parts) == 0 {
		parts = []string{""}
	}
	return parts, nil
}

// mayWrite tells why nothing may be sent to a thread, if so.
func (t *thread) mayWrite() error {
	switch {
	case t.info == nil:
		return errUnknownChannel
	case t.info.channel.Disabled:
		return ErrChannelClosed
	case t.row.Consent.OptedOut:
		return ErrOptedOut
	}
	return t.reachable()
}

// reachable tells why nothing could be sent to an address, whatever its consent.
func (t *thread) reachable() error {
	if t.contact.Address.Kind() != channel.KindE164 {
		return ErrNotReplyable
	}
	return nil
}

// send stores a text for delivery, cut into as many messages as it needs.
func (u *unit) send(t *thread, c *conv, class Class, by Actor, d Draft) ([]*Message, error) {
	parts, err := d.parts(t.info)
	if err != nil {
		return nil, err
	}
	var out []*Message
	for i, text := range parts {
		m := Message{Kind: Outgoing, Class: class, By: by, Text: text, Key: partKey(d.Key, i), ResendOf: d.resendOf}
		if i == len(parts)-1 {
			for _, url := range d.Media {
				m.Media = append(m.Media, channel.Attachment{URL: url})
			}
		}
		m.Delivery = &Delivery{
			State: Queued, Due: u.now, Expires: u.e.expiry(class, u.now), Segments: sms.Measure(text).Segments,
		}
		out = append(out, u.add(c, m))
	}
	c.now.ActiveAt = u.now
	if class != ClassAutomatic && class != ClassConfirmation { // an inbox where every row shows the greeting tells nothing
		c.now.Preview = preview(d.Text, len(d.Media))
	}
	return out, nil
}

// partKey is the key of part i of a text with a key; the first has the caller's own. A caller's key can't look like a
// later part's: it has no control characters.
func partKey(key string, i int) string {
	if key == "" || i == 0 {
		return key
	}
	return fmt.Sprintf("%s\x1f%d", key, i+1)
}

// speak stores a human's text, and what it means for the conversation: the customer has an answer.
func (u *unit) speak(t *thread, c *conv, by Actor, d Draft) ([]*Message, error) {
	out, err := u.send(t, c, ClassHuman, by, d)
	if err != nil {
		return nil, err
	}
	c.now.Unread, c.now.WaitingSince = 0, time.Time{}
	if by.Kind == ActorAgent {
		if c.now.FirstResponseAt.IsZero() {
			c.now.FirstResponseAt = u.now
		}
		if t.row.Automatic != 0 {
			t.row.Automatic, t.changed = 0, true
		}
		c.lookedAt()
	}
	return out, nil
}

// notify stores a text of the host's that nobody is to answer for: it changes nothing but the timeline.
func (u *unit) notify(t *thread, c *conv, by Actor, d Draft) ([]*Message, error) {
	return u.send(t, c, ClassHuman, by, d)
}

func (e *Engine) expiry(class Class, now time.Time) time.Time {
	d := e.cfg.ExpireHuman
	switch class {
	case ClassAI:
		d = e.cfg.ExpireAI
	case ClassAutomatic:
		d = e.cfg.ExpireAutomatic
	case ClassConfirmation:
		d = confirmWithin
	}
	if d < 0 {
		return time.Time{}
	}
	return now.Add(d)
}

// Automatic texts. Each has a key of its own in the conversation, stored with the message, so that no crash and no
// duplicate makes two.

// autoKeyPrefix marks the keys that the engine gives: of automatic texts, and of texts that are sent again. Callers can't
// use it.
const autoKeyPrefix = "auto:"

// maxAutomatic is how many automatic texts a contact gets in a row without a human.
const maxAutomatic = 5

// LabelSilenced is set on a conversation when the contact would have got a sixth automatic text in a row without a text of an
// agent: two machines may be writing to each other. Until an agent has written the contact gets none; the label goes with that
// text, and can be taken off like any label, which changes nothing else. AI replies have a budget of their own, see [Config]
// AIReplies.
const LabelSilenced = "automatic-limit"

// greet sends the channel's greeting, once per conversation.
func (u *unit) greet(t *thread, c *conv) {
	u.sayAutomatically(t, c, kindGreeting, t.info.channel.Greeting)
}

// sayAutomatically says what nobody asked for, through sayAs: never to who may want no more texts, and in quiet hours not
// before they end. text is as it was saved, with its variables; empty says nothing.
func (u *unit) sayAutomatically(t *thread, c *conv, kind, text string) {
	u.sayOrWait(t, c, sayLater{Conversation: c.now.ID, Kind: kind, Text: text})
}

func (u *unit) sayOrWait(t *thread, c *conv, s sayLater) {
	end, quiet := t.quietUntil(u.now)
	switch {
	case s.Text == "" || c.flagged():
	case quiet:
		u.sayAfter(c, end, s)
	default:
		u.sayAs(t, c, ClassAutomatic, s.Kind, s.words())
	}
}

// sayAs is the one gate of automatic texts: never to who opted out, but for what confirms it; never in answer to an automatic
// sender or to ourselves; never more than maxAutomatic in a row, and then a person is told.
func (u *unit) sayAs(t *thread, c *conv, class Class, kind string, words []piece) {
	no := t.mayWrite()
	if class == ClassConfirmation && errors.Is(no, ErrOptedOut) {
		no = t.reachable()
	}
	switch {
	case no != nil || u.snap.own[t.contact.Address]:
		return
	case t.row.Automatic >= maxAutomatic:
		u.silence(t, c)
		return
	}
	text := u.fill(t, words, "")
	if text == "" {
		return
	}
	parts, err := u.send(t, c, class, Actor{}, Draft{Text: text, Key: autoKeyPrefix + kind})
	if err != nil {
		return // too long for this carrier; checked when it was saved
	}
	t.row.Automatic++
	t.changed = true
	if names(words, VarAgent) {
		u.nameless = append(u.nameless, nameless{t, c, words, parts})
	}
}

// silence tells a person, once, that the contact gets no automatic text any more.
func (u *unit) silence(t *thread, c *conv) {
	if t.row.Automatic > maxAutomatic {
		return
	}
	t.row.Automatic++
	t.changed = true
	u.flag(c, LabelSilenced)
}

// sameText reports whether a stored text with its parts is the draft's, as it was written or as a channel transliterated it.
func sameText(stored []Message, d Draft) bool {
	var text strings.Builder
	var media []string
	for _, m := range stored {
		text.WriteString(m.Text)
		for _, a := range m.Media {
			media = append(media, a.URL)
		}
	}
	return (text.String() == d.Text || text.String() == sms.Transliterate(d.Text)) && slices.Equal(media, d.Media)
}
