package bandwidth

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// maxXML is how much of a Dashboard answer is read. An application's document has less than 4 KiB, a list of locations
// some 200 bytes for each.
const maxXML = 1 << 20

var errXML = errors.New("answer is not the XML that Bandwidth documents")

// element is one element of a Dashboard document, without attributes, since Bandwidth's have none. Names are compared
// without regard to case and values come without blanks around: its documentation writes SiteId here and siteId there,
// and puts values on lines of their own.
type element struct {
	name     string
	value    string
	children []element
}

// parseXML reads a whole document: one root, no DOCTYPE, and no deeper than a callback may be.
func parseXML(raw []byte) (element, error) {
	type node struct {
		element
		text []byte
	}
	d := xml.NewDecoder(bytes.NewReader(raw))
	open := []node{{}} // the document itself, and what is not closed yet
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		top := len(open) - 1
		switch t := token.(type) {
		case nil: // its error would quote the answer
			return element{}, errXML
		case xml.StartElement:
			if top == maxDepth {
				return element{}, errXML
			}
			open = append(open, node{element: element{name: t.Name.Local}})
		case xml.EndElement:
			done := open[top].element
			done.value = string(bytes.TrimSpace(open[top].text))
			open = open[:top]
			open[top-1].children = append(open[top-1].children, done)
		case xml.CharData:
			open[top].text = append(open[top].text, t...)
		case xml.Directive:
			return element{}, errXML
		}
	}
	if len(open[0].children) != 1 {
		return element{}, errXML
	}
	return open[0].children[0], nil
}

// child follows a path of names; a zero element when there is none.
func (e element) child(path ...string) element {
	for _, name := range path {
		i := e.index(name)
		if i < 0 {
			return element{}
		}
		e = e.children[i]
	}
	return e
}

func (e element) index(name string) int {
	return slices.IndexFunc(e.children, func(c element) bool { return strings.EqualFold(c.name, name) })
}

// set puts c in the place of the child of its name, or at the end.
func (e *element) set(c element) {
	if i := e.index(c.name); i >= 0 {
		e.children[i] = c
	} else {
		e.children = append(e.children, c)
	}
}

// without returns a copy of e that lacks the children of these names.
func (e element) without(names ...string) element {
	e.children = slices.DeleteFunc(slices.Clone(e.children), func(c element) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(c.name, n) })
	})
	return e
}

// encode writes e as a document.
func (e element) encode() []byte {
	b := bytes.NewBufferString(xml.Header)
	e.write(b)
	return b.Bytes()
}

func (e element) write(b *bytes.Buffer) {
	b.WriteString("<" + e.name + ">")
	_ = xml.EscapeText(b, []byte(e.value)) // a Buffer takes everything
	for _, c := range e.children {
		c.write(b)
	}
	b.WriteString("</" + e.name + ">")
}
