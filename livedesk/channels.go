package livedesk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// Channel is one SMS number, or pool of numbers, of one provider with its own settings. Channels are data: they are
// added and changed while the engine runs, and every process sees it within [Config.Refresh].
type Channel struct {
	Workspace string `json:"workspace"`
	ID        string `json:"id"`       // UUIDv7, given by PutChannel
	Provider  string `json:"provider"` // Name of one of Config.Providers
	// Values are the fields of the provider's [sms.Form], credentials among them. Credentials are never read back:
	// a channel that is read has none, and an empty one given to PutChannel keeps the stored one. The JSON of a channel
	// that was just filled in holds them as the request did that brought them.
	Values Values `json:"values"`
	// Disabled stops everything that would leave, and refuses new texts; what customers write is still taken in. A person
	// who only wants to hold texts back for a while uses [Desk.PauseChannel].
	Disabled bool `json:"disabled,omitempty"`
	// Greeting is sent once when a customer starts a conversation. Empty means off.
	Greeting string `json:"greeting,omitempty"`
	// Assignment is how conversations reach the channel's human agents.
	Assignment Assignment `json:"assignment"`
	// UseAI lets the AI agents of the channel take conversations, before its human agents do.
	UseAI bool `json:"use_ai,omitempty"`
	// AIAgents are the names of AI agents ([Config] AIAgents), at most 20: the first healthy one takes a conversation.
	// PutChannel refuses names that this process wasn't given, unless it was given none at all. One that is given no more
	// later is passed over.
	AIAgents []string `json:"ai_agents,omitempty"`
	// Language is the language of the channel's customers (BCP 47), for STOP words and automatic texts. Empty means
	// English.
	Language string `json:"language,omitempty"`
	// OptOutScope is where a STOP to this channel counts. Empty means here alone.
	OptOutScope ConsentScope `json:"opt_out_scope,omitempty"`
	// Keywords are further STOP, START and HELP words beside those of the Language.
	Keywords Keywords `json:"keywords,omitzero"`
	// ConsentTexts answer STOP, START and HELP where the carrier doesn't. The zero value means default texts.
	ConsentTexts ConsentTexts `json:"consent_texts,omitzero"`
	// QuietHours are when the channel doesn't speak first. The zero value means never.
	QuietHours QuietHours `json:"quiet_hours,omitzero"`
	// Transliterate replaces characters that would make a text UCS-2 by look-alikes, where that brings all of it into GSM-7;
	// see [sms.Transliterate].
	Transliterate bool `json:"transliterate,omitempty"`
	// Schedule is the id of the channel's business hours: of a [Schedule], or of [Config] BusinessHours. Empty means always
	// open. ClosedHours are what the channel does while they are closed.
	Schedule    string      `json:"schedule,omitempty"`
	ClosedHours ClosedHours `json:"closed_hours,omitzero"`
	// Rate is the most segments per second that are handed to the carrier. Zero means the default for the kind of
	// number, see [DefaultRate]; negative means no limit.
	Rate    float64 `json:"rate,omitempty"`
	Version int64   `json:"version"`
}

// Name returns the name that the form was filled in with.
func (c Channel) Name() string { return c.Values["name"] }

// LogValue implements [slog.LogValuer]: a channel that was just filled in, credentials and all, is logged by what names it.
func (c Channel) LogValue() slog.Value {
	return slog.GroupValue(slog.String("workspace", c.Workspace), slog.String("id", c.ID), slog.String("provider", c.Provider),
		slog.String("name", c.Name()), slog.Any("values", c.Values))
}

// Object kinds.
const (
	kindChannel    = "channel"
	kindConnection = "connection"
)

// channelRecord is a channel as it is stored: without what belongs to its connection.
type channelRecord struct {
	Channel
	Connection string `json:"connection"`
	// HeirOf are channels that had the number before and went on with another one.
	HeirOf []inheritance `json:"heir_of,omitempty"`
	// Since is when a removed channel came back under its id; zero for one that was never removed.
	Since time.Time `json:"since,omitzero"`
}

// connectionRecord is a carrier account with its application or service, shared by the channels on it.
type connectionRecord struct {
	Provider string            `json:"provider"`
	Identity map[string]string `json:"identity"`
	Values   map[string]string `json:"values"`
	Sealed   []byte            `json:"sealed,omitempty"` // JSON of the secrets by field, sealed
	// Previous are secrets that were replaced, sealed, until their time is over.
	Previous []previousSecrets `json:"previous,omitempty"`
	// PreviousKeys are webhook keys that were replaced. The current one is the Key of the object.
	PreviousKeys []previousKey `json:"previous_keys,omitempty"`
}

// Form returns the form of a provider of Config.Providers.
func (e *Engine) Form(provider string) (sms.Form, error) {
	p, ok := e.providers[provider]
	if !ok {
		return sms.Form{}, fmt.Errorf("provider %q: %w", provider, ErrNotFound)
	}
	return p.Form(), nil
}

// Providers returns the names of Config.Providers, sorted.
func (e *Engine) Providers() []string { return slices.Sorted(maps.Keys(e.providers)) }

// PutChannel stores a channel: a new one when c.ID is empty, else the one of that id, whose provider and identity
// fields stay what they were. It returns the channel as it is stored. Every wrong field is answered at once: those of the
// form in an [sms.FieldErrors], any other in a [ValidationError]; [FieldErrors] lists all of them. When c.Version isn't 0 it
// must be the stored one, or the error is [ErrConflict]. It asks the carrier nothing: see [Desk.Verify] for that.
//
// A number (or pool) of a channel that was removed brings that channel back under its ID, whatever account it is on now:
// its conversations, its agents and above all its opt-outs go on to count, since customers said STOP to the number. What
// was queued then doesn't leave.
//
// Credentials belong to the connection, so those given here count for all channels on it. The ones that they replace are
// accepted in webhooks until [Config.RotationWindow] is over, and channels in trouble are tried again at once.
func (d *Desk) PutChannel(ctx context.Context, c Channel) (Channel, error) {
	put, err := d.putting(c)
	if err != nil {
		return Channel{}, err
	}
	var out Channel
	err = retry(ctx, maxTries, func() error {
		put = put.afresh()
		out, err = put.run(ctx)
		return err
	})
	if err != nil {
		return Channel{}, fmt.Errorf("put channel: %w", err)
	}
	err = d.e.snap.refresh(ctx)
	for id, rec := range put.mended {
		d.e.tellHealth(ctx, objectKey{d.workspace, id}, rec)
	}
	signal(d.e.wakeJobs)
	return out, err
}

// RemoveChannel takes a channel out of service. Its queued texts are canceled as their turn comes, its conversations stay,
// and its number can be used again; see [Desk.PutChannel] for what that brings back. The credentials of its connection are
// forgotten [Config.RotationWindow] after its last channel: until then the carrier's webhooks are acknowledged without
// effect, and the number can be added again without its credentials.
func (d *Desk) RemoveChannel(ctx context.Context, id string) error {
	err := d.updateObjects(ctx, func(ctx context.Context, tx Tx) error {
		obj, err := oneObject(ctx, tx, d.workspace, kindChannel, id)
		if err != nil {
			return err
		}
		changed, err := d.removal(ctx, tx, obj)
		if err != nil {
			return err
		}
		return tx.Apply(ctx, changed)
	})
	if err != nil {
		return fmt.Errorf("remove channel %s: %w", id, err)
	}
	signal(d.e.wakeJobs)
	return d.e.snap.refresh(ctx)
}

// Channel returns one channel, without credentials.
func (d *Desk) Channel(ctx context.Context, id string) (Channel, error) {
	info, err := d.e.snap.channel(ctx, d.workspace, id)
	if err != nil {
		return Channel{}, err
	}
	return info.public(), nil
}

// Channels returns the workspace's channels by name, without credentials.
func (d *Desk) Channels(ctx context.Context) ([]Channel, error) {
	infos, err := d.infos(ctx)
	if err != nil {
		return nil, err
	}
	var out []Channel
	for _, info := range infos {
		out = append(out, info.public())
	}
	return out, nil
}

// infos returns the workspace's channels by name.
func (d *Desk) infos(ctx context.Context) ([]*channelInfo, error) {
	if err := d.e.snap.refresh(ctx); err != nil {
		return nil, err
	}
	var out []*channelInfo
	for _, info := range d.e.snap.load().channels {
		if info.channel.Workspace == d.workspace {
			out = append(out, info)
		}
	}
	slices.SortFunc(out, func(a, b *channelInfo) int {
		return cmp.Or(strings.Compare(a.channel.Name(), b.channel.Name()), strings.Compare(a.channel.ID, b.channel.ID))
	})
	return out, nil
}

// WebhookURL returns the public address that the carrier must be told for a channel's texts (at Twilio with the
// overrides "#rc=5&rp=all" behind it, without which it does not try again). Channels on one carrier account share it.
// [Desk.Webhooks] says more: what to enter where.
func (d *Desk) WebhookURL(ctx context.Context, channelID string) (string, error) {
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	if err != nil {
		return "", err
	}
	if info.conn == nil {
		return "", fmt.Errorf("channel %s: %w: %w", channelID, ErrChannelClosed, errNoConnection)
	}
	return d.e.webhookURL(info.conn.key), nil
}

func (e *Engine) webhookURL(key string) string { return e.cfg.PublicURL + "/" + key }

func oneObject(ctx context.Context, tx ReadTx, workspace, kind, id string) (Object, error) {
	objs, err := tx.Objects(ctx, ObjectQuery{Workspace: workspace, Kind: kind, IDs: []string{id}})
	if err != nil {
		return Object{}, err
	}
	if len(objs) == 0 || objs[0].ID == "" || objs[0].Deleted {
		return Object{}, fmt.Errorf("%s %s: %w", kind, id, ErrNotFound)
	}
	return objs[0], nil
}

func (e *Engine) sealSecrets(ctx context.Context, secrets map[string]sms.Secret, workspace, id string) ([]byte, error) {
	plain := make(map[string]string, len(secrets))
	for k, v := range secrets {
		plain[k] = v.Reveal()
	}
	b, err := json.Marshal(plain)
	if err != nil || e.cfg.Sealer == nil {
		return b, err
	}
	b, err = e.cfg.Sealer.Seal(ctx, b, sealedAbout(workspace, id))
	if err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	return b, nil
}

func (e *Engine) openSecrets(ctx context.Context, sealed []byte, workspace, id string) (map[string]sms.Secret, error) {
	if len(sealed) == 0 {
		return map[string]sms.Secret{}, nil
	}
	if e.cfg.Sealer != nil {
		var err error
		if sealed, err = e.cfg.Sealer.Open(ctx, sealed, sealedAbout(workspace, id)); err != nil {
			return nil, fmt.Errorf("open credentials of connection %s: %w", id, err)
		}
	}
	out := map[string]sms.Secret{}
	if json.Unmarshal(sealed, &out) != nil {
		return nil, fmt.Errorf("credentials of connection %s can't be read", id)
	}
	return out, nil
}

func sealedAbout(workspace, id string) string {
	return fmt.Sprintf("livedesk connection %d %s/%s", len(workspace), workspace, id)
}

// languageTag is the shape of a BCP 47 tag, or nothing.
var languageTag = regexp.MustCompile(`^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?$`)

// Keywords are words of the host's own, whole texts like STOP. What is built in can't be taken away.
type Keywords struct {
	OptOut []string `json:"opt_out,omitempty"`
	OptIn  []string `json:"opt_in,omitempty"`
	Help   []string `json:"help,omitempty"`
	// Suspect are phrases that count anywhere in a text: they set [LabelPossibleOptOut].
	Suspect []string `json:"suspect,omitempty"`
}

// maxKeywords is how many words of a kind a channel may add.
const maxKeywords = 100

// compile builds the words of a language, the English ones where there is no list for it, with those of the host.
func (k Keywords) compile(tag string) (*sms.Keywords, error) {
	cfg := sms.KeywordConfig{OptOut: k.OptOut, OptIn: k.OptIn, Help: k.Help, Suspect: k.Suspect}
	if tag != "" {
		cfg.Languages = []string{tag}
		if _, err := sms.NewKeywords(sms.KeywordConfig{Languages: cfg.Languages}); err != nil {
			cfg.Languages = nil
		}
	}
	return sms.NewKeywords(cfg)
}

func (k Keywords) check(tag string) error {
	if max(len(k.OptOut), len(k.OptIn), len(k.Help), len(k.Suspect)) > maxKeywords {
		return invalid("keywords", "has more than 100 words of a kind")
	}
	if _, err := k.compile(tag); err != nil {
		return invalid("keywords", strings.ReplaceAll(err.Error(), "sms: ", ""))
	}
	return nil
}

// Values are the fields of a form by name. They print by name only: a credential may be among them.
type Values map[string]string

// Format implements [fmt.Formatter]: every verb prints the names of the fields.
func (v Values) Format(f fmt.State, _ rune) { fmt.Fprint(f, "fields ", slices.Sorted(maps.Keys(v))) }

// LogValue implements [slog.LogValuer] with the names of the fields.
func (v Values) LogValue() slog.Value { return slog.AnyValue(slices.Sorted(maps.Keys(v))) }
