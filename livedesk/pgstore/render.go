package pgstore

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
)

// rendered is a file system whose files have the schema's name in the place of {{schema}}.
type rendered struct {
	raw    fs.FS
	schema string
}

var (
	_ fs.ReadFileFS = rendered{}
	_ fs.ReadDirFS  = rendered{}
)

// Open implements fs.FS.
func (r rendered) Open(name string) (fs.File, error) {
	f, err := r.raw.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		if err != nil {
			return nil, err
		}
		return dir{f.(fs.ReadDirFile), r}, nil
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	text := r.render(b)
	return file{bytes.NewReader(text), sized{info, int64(len(text))}}, nil
}

func (r rendered) render(b []byte) []byte {
	return []byte(strings.ReplaceAll(string(b), "{{schema}}", r.schema))
}

// ReadFile implements fs.ReadFileFS.
func (r rendered) ReadFile(name string) ([]byte, error) {
	b, err := fs.ReadFile(r.raw, name)
	if err != nil {
		return nil, err
	}
	return r.render(b), nil
}

// ReadDir implements fs.ReadDirFS.
func (r rendered) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(r.raw, name)
	return r.entries(list), err
}

func (r rendered) entries(list []fs.DirEntry) []fs.DirEntry {
	for i, e := range list {
		list[i] = entry{e, r}
	}
	return list
}

// file is a rendered file.
type file struct {
	*bytes.Reader
	info sized
}

// Stat implements fs.File.
func (f file) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements fs.File.
func (f file) Close() error { return nil }

// sized is what is known of a rendered file.
type sized struct {
	fs.FileInfo
	size int64
}

// Size implements fs.FileInfo.
func (s sized) Size() int64 { return s.size }

// dir is a directory of rendered files.
type dir struct {
	fs.ReadDirFile
	r rendered
}

// ReadDir implements fs.ReadDirFile.
func (d dir) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := d.ReadDirFile.ReadDir(n)
	return d.r.entries(list), err
}

// entry is a place in a directory.
type entry struct {
	fs.DirEntry
	r rendered
}

// Info implements fs.DirEntry.
func (e entry) Info() (fs.FileInfo, error) {
	if e.IsDir() {
		return e.DirEntry.Info()
	}
	return fs.Stat(e.r, e.Name())
}
