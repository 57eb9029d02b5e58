package livedesk

import (
	"context"
	"errors"
	"fmt"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// FetchMedia opens a file that came with a customer's text, with the credentials of the message's channel and from its
// carrier's hosts only. index counts Message.Media from 0. The caller closes the file.
//
// Only a host's call fetches: never a webhook, never a worker. Carriers keep files for a while (Bandwidth 48 hours), so a
// host that wants to keep one copies it soon after [Hooks] Message. At most Config.MaxMediaBytes are read; what is too large
// or breaks off ends with an error in place of io.EOF. [sms.SetAttachmentHeader] says how to serve a file.
//
// Errors: [ErrNotFound] for a message or a file that there isn't, [ErrChannelClosed], [errors.ErrUnsupported] where the
// provider can't fetch, and an [sms.MediaError], by which the message is untouched.
func (d *Desk) FetchMedia(ctx context.Context, message string, index int) (*sms.Media, error) {
	m, err := d.Message(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("fetch media: %w", err)
	}
	if m.Kind != Incoming || index < 0 || index >= len(m.Media) {
		return nil, fmt.Errorf("fetch media: file %d of message %s: %w", index, message, ErrNotFound)
	}
	account, err := d.account(ctx, m.Channel)
	if err != nil {
		return nil, fmt.Errorf("fetch media of message %s: %w", message, err)
	}
	f, ok := account.(sms.MediaFetcher)
	if !ok {
		return nil, fmt.Errorf("fetch media of message %s: %w", message, errors.ErrUnsupported)
	}
	file, err := f.FetchMedia(ctx, m.Media[index].URL, d.e.cfg.MaxMediaBytes)
	if err != nil {
		return nil, fmt.Errorf("fetch media of message %s: %w", message, err)
	}
	return file, nil
}

// account returns the open account behind a channel that is stored with something.
func (d *Desk) account(ctx context.Context, channelID string) (sms.Account, error) {
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	switch {
	case errors.Is(err, ErrNotFound): // removed since
		return nil, ErrChannelClosed
	case err != nil:
		return nil, err
	case info.conn == nil || info.conn.account == nil:
		return nil, ErrChannelClosed
	}
	return info.conn.account, nil
}

// CheckMedia checks files against what a channel's carrier takes, before the host puts them where the carrier can fetch
// them for [Draft] Media. What a file's fields don't say isn't looked at. It asks nobody but the store. The error is an
// [sms.FieldErrors] with every problem ("media[0].size"), or [ErrNotFound] for the channel.
func (d *Desk) CheckMedia(ctx context.Context, channelID string, files []channel.Attachment) error {
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	if err != nil {
		return fmt.Errorf("check media: %w", err)
	}
	if info.conn == nil {
		return nil
	}
	return info.conn.traits.Media.Check(files)
}
