"""The portal's page as a tree of elements."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import requests

_VOID = {"meta", "link", "path", "use"}


@dataclass
class Node:
    name: str
    attributes: dict
    children: list = field(default_factory=list)

    def all(self, name=None, css=None):
        """Every element below, by name and class, in the order of the page."""
        for child in self.children:
            if isinstance(child, Node):
                if (not name or child.name == name) and (not css or css in child.attributes.get("class", "")):
                    yield child
                yield from child.all(name, css)

    @property
    def text(self):
        return "".join(child.text if isinstance(child, Node) else child for child in self.children)


class Tree(HTMLParser):
    """Builds a tree and fails where a tag is closed that is not the one open."""

    def __init__(self, page):
        super().__init__()
        self.root = Node("", {})
        self.open = [self.root]
        self.feed(page)
        self.close()
        assert self.open == [self.root], [node.name for node in self.open]

    def handle_starttag(self, tag, attrs):
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop().name == tag

    def handle_data(self, data):
        self.open[-1].children.append(data)


def fetch(box, **headers):
    """Return the answer to a request for the page."""
    return requests.get(box.url, timeout=5, headers=headers)


def page_of(box):
    """Return the page."""
    return Tree(fetch(box).text).root


def card_of(box, name):
    """Return a card by its id, such as ``deal-10``."""
    (card,) = [card for card in page_of(box).all("article") if card.attributes["id"] == name]
    return card


def chosen(stage):
    """Return the choice that a list shows."""
    (option,) = [option for option in stage.all("option") if "selected" in option.attributes]
    return option.text


def entries(card):
    """Return the keys of a timeline's entries."""
    return [entry.attributes["data-entry"] for entry in card.all("li") if "data-entry" in entry.attributes]


def calls_of(box):
    """Return the latest calls."""
    (calls,) = [part for part in page_of(box).all("details") if part.attributes["id"] == "calls"]
    return calls
