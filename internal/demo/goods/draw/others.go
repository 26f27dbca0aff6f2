package draw

var others []Drawing
