package sqlitestore

// CheckMagic tells what is thought of a file system.
var CheckMagic = checkMagic
