package livedesk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// contactsChannel is the channel of the threads by which contacts are found, and made, whom no text has come from. It is
// the id of no real channel, those are UUIDs.
const contactsChannel = "contacts"

// Bounds of what a host says of a contact.
const (
	maxContactName       = 256
	maxContactAttributes = 50
	maxContactLabels     = 50
	maxAttributeValue    = 1024
)

// PutContact stores what the host knows of a person: Name, ExternalID, Language (BCP 47), Zone (IANA), Attributes and
// Labels become what c says; rules may ask for them from the next decision on. The contact is the one of c.ID, or where
// that is empty the one of c.Address, who is made if the desk doesn't know the address; Address, Country and CreatedAt of
// a known one stay. Country comes from the carrier, with the first text that has one. When c.Version isn't 0 it must be the
// stored one, or the error is [ErrConflict].
//
// Names have at most 256 bytes, ids 128; there are at most 50 attributes of at most 1,024 bytes and 50 labels. All wrong
// fields are answered at once, each as a [ValidationError]. An unknown c.ID is [ErrNotFound]. It returns the contact as stored.
func (d *Desk) PutContact(ctx context.Context, c Contact) (Contact, error) {
	c, err := c.cleanFacts()
	if c.ID == "" {
		err = errors.Join(err, checkAddress(c.Address))
	}
	if err != nil {
		return Contact{}, fmt.Errorf("put contact: %w", err)
	}
	var out Contact
	err = d.act(ctx, "put contact", func(ctx context.Context, u *unit) error {
		stored, err := u.contact(ctx, d.workspace, c)
		if err != nil {
			return err
		}
		if c.Version != 0 && c.Version != stored.Version {
			return &staleError{"contact " + stored.ID}
		}
		out = stored.withFacts(c)
		if out.sameFacts(stored) && !stored.unasked() {
			return nil
		}
		u.changes.Contacts = append(u.changes.Contacts, out)
		out.Version++
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	return out, nil
}

// checkAddress refuses what no text can come from.
func checkAddress(a channel.Address) error {
	switch {
	case a == "":
		return invalid("address", "is required without an id")
	case a.Kind() == channel.KindOther: // a number that is written in another way would make a second contact
		return invalid("address", `is not a number such as "+14155550123", a short code or a sender's name`)
	}
	return nil
}

// contact finds a contact by id or address; one of a new address is made.
func (u *unit) contact(ctx context.Context, workspace string, c Contact) (Contact, error) {
	if c.ID == "" {
		threads, err := u.meet(ctx, []Arrival{{Workspace: workspace, Channel: contactsChannel, Address: c.Address}})
		if err != nil {
			return Contact{}, err
		}
		return threads[0].contact, nil
	}
	found, err := u.tx.Contacts(ctx, workspace, []string{c.ID})
	if err != nil {
		return Contact{}, err
	}
	if found[0].ID == "" {
		return Contact{}, fmt.Errorf("contact %s: %w", c.ID, ErrNotFound)
	}
	return found[0], nil
}

// placeContact notes the country of a contact who was made without one: by the host, or by who wrote first. One whom the
// host's ContactSource may be asked about gets it then.
func (u *unit) placeContact(t *thread, country string) {
	asks := u.e.cfg.ContactSource != nil && t.contact.unasked()
	if country == "" || t.contact.Country != "" || asks {
		return
	}
	same := func(c Contact) bool { return c.Workspace == t.contact.Workspace && c.ID == t.contact.ID }
	if t.contact.Country = country; !slices.ContainsFunc(u.changes.Contacts, same) {
		u.changes.Contacts = append(u.changes.Contacts, t.contact)
	}
}

// lookBack finds out whether a contact who is known, and never wrote on the channel, had a conversation elsewhere: the host
// may have made the contact beforehand.
func (u *unit) lookBack(ctx context.Context, c *conv) error {
	about := &c.wish.facts.Contact
	if c.was.ID != "" || c.previous != nil || !about.Returning {
		return nil
	}
	had, err := u.tx.Conversations(ctx, ConversationQuery{Workspace: c.now.Workspace, Contact: c.now.Contact, Limit: 1})
	about.Returning = len(had) > 0
	return err
}

// withFacts returns c with what the host says of it.
func (c Contact) withFacts(of Contact) Contact {
	c.Name, c.ExternalID, c.Language, c.Zone = of.Name, of.ExternalID, of.Language, of.Zone
	c.Attributes, c.Labels = of.Attributes, of.Labels
	return c
}

func (c Contact) sameFacts(as Contact) bool {
	return c.Name == as.Name && c.ExternalID == as.ExternalID && c.Language == as.Language && c.Zone == as.Zone &&
		maps.Equal(c.Attributes, as.Attributes) && slices.Equal(c.Labels, as.Labels)
}

// cleanFacts returns the contact as it may be stored, or everything that is wrong with what the host says of it.
func (c Contact) cleanFacts() (Contact, error) {
	var errs []error
	c = c.Clone()
	c.Name = strings.TrimSpace(channel.Clean(c.Name))
	if len(c.Name) > maxContactName {
		errs = append(errs, invalid("name", "is too long (at most 256 bytes)"))
	}
	if c.ExternalID != "" {
		if err := checkID("external_id", c.ExternalID); err != nil {
			errs = append(errs, err)
		}
	}
	if !languageTag.MatchString(c.Language) {
		errs = append(errs, invalid("language", `is not a language tag such as "en" or "fr-CA"`))
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "Local" {
		errs = append(errs, invalid("zone", `is not a time zone such as "Europe/Paris"`))
	}
	return c, errors.Join(append(errs, c.cleanLists()...)...)
}

func (c *Contact) cleanLists() (errs []error) {
	if len(c.Attributes) > maxContactAttributes {
		errs = append(errs, invalid("attributes", "has more than 50"))
	}
	for _, k := range slices.Sorted(maps.Keys(c.Attributes)) {
		if err := checkID("attributes", k); err != nil {
			errs = append(errs, err)
			continue
		}
		if c.Attributes[k] = channel.Clean(c.Attributes[k]); len(c.Attributes[k]) > maxAttributeValue {
			errs = append(errs, invalid("attributes."+k, "is too long (at most 1024 bytes)"))
		}
	}
	if len(c.Labels) > maxContactLabels {
		return append(errs, invalid("labels", "has more than 50")) // however many they are
	}
	for i, l := range c.Labels {
		if err := checkID(fmt.Sprintf("labels[%d]", i), l); err != nil {
			errs = append(errs, err)
		}
	}
	if len(c.Attributes) == 0 {
		c.Attributes = nil
	}
	if c.Labels = uniq(c.Labels); len(c.Labels) == 0 {
		c.Labels = nil
	}
	return errs
}

// uniq returns what is in a list, each once, in the order in which it comes first.
func uniq(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
