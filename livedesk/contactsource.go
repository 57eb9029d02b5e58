package livedesk

import "context"

// ContactSource tells what the host knows of a contact that is new to the desk. The engine of this version doesn't call
// one yet. It is asked once for each new contact, after the text was taken in and before it is routed, with two seconds;
// an error or silence means that it is routed without.
type ContactSource interface {
	// Lookup returns name, external id, language, zone, attributes and labels; other fields don't count. [ErrNotFound]
	// means that the host doesn't know the address either.
	Lookup(ctx context.Context, workspace string, c Contact) (Contact, error)
}
