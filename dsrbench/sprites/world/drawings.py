"""The sprites as lists of shapes: 8 animals that face right and 8 objects, each with its own shape and main colour.

A sprite is 24 drawing units wide, y points down, and the ground is at y = 24.
"""

from __future__ import annotations

from dsrbench.sprites.world.shapes import Shape, cut, ellipse, polygon, rectangle, stroke

INK = (24, 22, 30)
WHITE = (250, 250, 248)
ORANGE = (246, 150, 30)


def _cat() -> list[Shape]:
    fur, dark = (244, 138, 32), (190, 88, 14)
    return [
        Shape(stroke([(4, 17), (1.8, 13), (2, 8), (3.6, 5.5)], 1.3), fur, True),
        Shape(stroke([(5.5, 19), (5.5, 22.2)], 1.5), fur, True),
        Shape(stroke([(13.5, 19), (13.5, 22.2)], 1.5), fur, True),
        Shape(ellipse(9.5, 17.2, 7, 4.4), fur, True),
        Shape(polygon((11.2, 9), (11.4, 1.6), (16, 5.4), rounded=0.4), fur, True),
        Shape(polygon((17.6, 5.4), (22.2, 1.6), (22.4, 9), rounded=0.4), fur, True),
        Shape(ellipse(16.9, 10.3, 6, 5.2), fur, True),
        Shape(polygon((12.4, 6.4), (12.5, 3.8), (14.2, 5.4)), (255, 196, 170)),
        Shape(polygon((19.4, 5.4), (21.2, 3.8), (21.3, 6.4)), (255, 196, 170)),
        Shape(stroke([(6, 14), (6.4, 18)], 0.6), dark),
        Shape(stroke([(9.2, 13.6), (9.4, 18)], 0.6), dark),
        Shape(ellipse(14.8, 9.8, 1.1, 1.4), INK),
        Shape(ellipse(19.6, 9.8, 1.1, 1.4), INK),
        Shape(ellipse(17.4, 12.8, 2.6, 1.7), (255, 226, 190)),
        Shape(ellipse(17.4, 12, 0.9, 0.7), (226, 84, 96)),
    ]


def _dog() -> list[Shape]:
    fur, dark, pale = (152, 94, 50), (92, 52, 26), (232, 204, 166)
    return [
        Shape(stroke([(4, 15), (1.6, 9.5)], 1.3), fur, True),
        Shape(stroke([(4.6, 18), (4.6, 22.2)], 1.6), fur, True),
        Shape(stroke([(12.8, 18), (12.8, 22.2)], 1.6), fur, True),
        Shape(ellipse(8.8, 16, 6.8, 4.2), fur, True),
        Shape(ellipse(15.8, 9.2, 5.2, 5.4), fur, True),
        Shape(ellipse(19.8, 11.6, 3.6, 2.8), pale, True),
        Shape(ellipse(22.2, 10.2, 1.4, 1.1), INK),
        Shape(ellipse(11.6, 9.6, 2.2, 5.2), dark, True),
        Shape(ellipse(17.4, 7.8, 1.1, 1.4), INK),
        Shape(stroke([(12.2, 15.2), (17, 15.6)], 1), (214, 40, 44)),
    ]


def _rabbit() -> list[Shape]:
    fur, pink = (246, 244, 246), (246, 160, 184)
    return [
        Shape(ellipse(3.6, 18.6, 2.6), fur, True),
        Shape(ellipse(10, 17.6, 6.6, 5.4), fur, True),
        Shape(ellipse(10.4, 21.8, 4.2, 1.5), fur, True),
        Shape(stroke([(13.6, 8), (12.2, 2.6)], 1.9), fur, True),
        Shape(stroke([(17.4, 8), (18.4, 2.6)], 1.9), fur, True),
        Shape(stroke([(13.5, 7), (12.4, 3)], 0.8), pink),
        Shape(stroke([(17.5, 7), (18.2, 3)], 0.8), pink),
        Shape(ellipse(15.6, 11.6, 5, 4.6), fur, True),
        Shape(ellipse(16.8, 10.8, 1.1, 1.4), (120, 20, 48)),
        Shape(ellipse(19.8, 12.4, 1, 0.8), pink),
        Shape(ellipse(15.4, 13.6, 1.5, 1), (252, 206, 216)),
    ]


def _duck() -> list[Shape]:
    plume, wing, beak = (254, 218, 40), (232, 172, 18), (240, 104, 20)
    return [
        Shape(stroke([(9, 21), (9, 22.9)], 0.9), beak, True),
        Shape(stroke([(13, 21), (13, 22.9)], 0.9), beak, True),
        Shape(polygon((0.8, 11), (5, 13.6), (4, 17.6), rounded=0.3), plume, True),
        Shape(ellipse(10.2, 16.6, 8.2, 5), plume, True),
        Shape(polygon((19, 7), (23.3, 9), (19, 11), rounded=0.4), beak, True),
        Shape(ellipse(15.6, 8, 5, 5), plume, True),
        Shape(polygon((19.8, 7.2), (23.2, 9), (19.8, 10.8), rounded=0.3), beak),
        Shape(ellipse(8.6, 16.2, 4.4, 2.6), wing),
        Shape(ellipse(17, 6.8, 1.2, 1.5), INK),
    ]


def _frog() -> list[Shape]:
    skin, belly = (70, 186, 52), (196, 236, 140)
    return [
        Shape(ellipse(4, 20.6, 3.2, 2.4), skin, True),
        Shape(ellipse(20, 20.6, 3.2, 2.4), skin, True),
        Shape(ellipse(6.4, 8.2, 3.5), skin, True),
        Shape(ellipse(17.6, 8.2, 3.5), skin, True),
        Shape(ellipse(12, 15, 9.6, 7.2), skin, True),
        Shape(ellipse(12, 19, 5.6, 3), belly),
        Shape(ellipse(6.4, 7.8, 2.4), WHITE),
        Shape(ellipse(17.6, 7.8, 2.4), WHITE),
        Shape(ellipse(6.8, 8, 1.3), INK),
        Shape(ellipse(18, 8, 1.3), INK),
        Shape(stroke([(6.4, 13), (9.4, 14.8), (14.6, 14.8), (17.6, 13)], 0.65), (18, 78, 24)),
    ]


def _pig() -> list[Shape]:
    skin, snout = (250, 152, 186), (224, 92, 140)
    return [
        Shape(stroke([(3.6, 13), (1.4, 11.6), (2.4, 9.8)], 0.8), skin, True),
        Shape(stroke([(5.6, 19), (5.6, 22.4)], 1.6), skin, True),
        Shape(stroke([(13.6, 19), (13.6, 22.4)], 1.6), skin, True),
        Shape(ellipse(10, 15, 8, 6), skin, True),
        Shape(polygon((12.6, 8.6), (11.6, 3.8), (16, 6), rounded=0.4), snout, True),
        Shape(polygon((18, 6), (21.6, 3.8), (21.6, 8.4), rounded=0.4), snout, True),
        Shape(ellipse(17, 11.4, 5.6, 5.2), skin, True),
        Shape(ellipse(18.6, 13.2, 3, 2.3), snout, True),
        Shape(ellipse(17.5, 13.2, 0.7, 1), (110, 24, 60)),
        Shape(ellipse(19.8, 13.2, 0.7, 1), (110, 24, 60)),
        Shape(ellipse(14.4, 9.6, 1, 1.3), INK),
        Shape(ellipse(20.2, 9.6, 1, 1.3), INK),
    ]


def _elephant() -> list[Shape]:
    skin, ear = (98, 128, 186), (66, 90, 150)
    return [
        Shape(stroke([(2.2, 11), (1.2, 15.6)], 0.7), skin, True),
        Shape(rectangle(2.8, 14, 6.8, 23.2, 0.8), skin, True),
        Shape(rectangle(10.4, 14, 14.4, 23.2, 0.8), skin, True),
        Shape(ellipse(8.4, 12.4, 7, 6.4), skin, True),
        Shape(stroke([(20.2, 10), (22, 14), (21.8, 19), (22.4, 21)], 1.5), skin, True),
        Shape(ellipse(17.2, 8.6, 5, 5.2), skin, True),
        Shape(stroke([(19, 13.4), (20, 15.6)], 0.8), WHITE),
        Shape(ellipse(12.8, 8.4, 3.9, 5.6), ear, True),
        Shape(ellipse(19, 7.4, 1.1, 1.4), INK),
    ]


def _penguin() -> list[Shape]:
    coat = (38, 40, 58)
    return [
        Shape(ellipse(9, 22.6, 2.6, 1.1), ORANGE, True),
        Shape(ellipse(15, 22.6, 2.6, 1.1), ORANGE, True),
        Shape(ellipse(4.6, 14.4, 1.9, 5), coat, True),
        Shape(ellipse(19.2, 14.4, 1.9, 5), coat, True),
        Shape(ellipse(12, 14.6, 7, 8), coat, True),
        Shape(ellipse(12.4, 6.4, 5.2, 5.2), coat, True),
        Shape(ellipse(12.6, 16.2, 4.8, 6.2), WHITE),
        Shape(ellipse(10.8, 6.6, 2, 2.6), WHITE),
        Shape(ellipse(15, 6.6, 2, 2.6), WHITE),
        Shape(ellipse(11.2, 6.8, 0.9, 1.2), INK),
        Shape(ellipse(15, 6.8, 0.9, 1.2), INK),
        Shape(polygon((11, 9), (15, 9), (13, 11.8), rounded=0.3), ORANGE),
    ]


def _chair() -> list[Shape]:
    wood, dark = (42, 96, 220), (26, 64, 160)
    return [
        Shape(rectangle(4, 12, 6.6, 23.4), dark, True),
        Shape(rectangle(17.2, 13, 19.8, 23.4), dark, True),
        Shape(rectangle(3.2, 1, 6.6, 15), wood, True),
        Shape(rectangle(3.2, 12.4, 20.6, 16, 0.6), wood, True),
    ]


def _table() -> list[Shape]:
    wood, dark = (134, 36, 62), (96, 22, 44)
    return [
        Shape(rectangle(2.6, 10, 5.6, 23.4), dark, True),
        Shape(rectangle(18.4, 10, 21.4, 23.4), dark, True),
        Shape(rectangle(1, 7.4, 23, 11.4, 0.8), wood, True),
        Shape(stroke([(3, 9), (20, 9)], 0.5), (190, 84, 108)),
    ]


def _box() -> list[Shape]:
    card, tape = (206, 160, 104), (240, 220, 176)
    return [
        Shape(polygon((3, 9.4), (0.9, 6), (10, 6), (11.4, 9.4)), (226, 186, 132), True),
        Shape(polygon((21, 9.4), (23.1, 6), (14, 6), (12.6, 9.4)), (226, 186, 132), True),
        Shape(rectangle(2.6, 9, 21.4, 23.2, 0.4), card, True),
        Shape(rectangle(10.6, 9, 13.4, 15.4), tape),
        Shape(stroke([(4, 19.8), (8.4, 19.8)], 0.6), (140, 96, 52)),
    ]


def _mushroom() -> list[Shape]:
    cap = cut(ellipse(12, 12, 10.6, 9.8), rectangle(0, 0, 24, 13))
    return [
        Shape(polygon((9, 11), (15, 11), (16.4, 22.6), (7.6, 22.6), rounded=0.6), (248, 232, 200), True),
        Shape(cap, (226, 30, 36), True),
        Shape(ellipse(7, 8.8, 2.2, 1.9), WHITE),
        Shape(ellipse(13, 5.4, 2.3, 1.8), WHITE),
        Shape(ellipse(18, 9.6, 2, 1.7), WHITE),
    ]


def _cactus() -> list[Shape]:
    green, pale, pot = (22, 116, 66), (116, 190, 120), (206, 96, 52)
    return [
        Shape(stroke([(12, 12.4), (5.4, 12.4), (5.4, 7.4)], 2.1), green, True),
        Shape(stroke([(12, 10.6), (18.8, 10.6), (18.8, 5.4)], 2.1), green, True),
        Shape(stroke([(12, 18), (12, 4.2)], 3.2), green, True),
        Shape(stroke([(11, 16), (11, 4.6)], 0.5), pale),
        Shape(stroke([(13.6, 16), (13.6, 4.6)], 0.5), pale),
        Shape(polygon((6.6, 17), (17.4, 17), (15.8, 23.2), (8.2, 23.2)), pot, True),
    ]


def _umbrella() -> list[Shape]:
    cloth, dark = (146, 60, 206), (106, 34, 160)
    dome = cut(ellipse(12, 12.6, 11, 10.4), rectangle(0, 0, 24, 12.6))
    return [
        Shape(stroke([(12, 2), (12, 20.6), (13, 22.4), (15, 22.2), (15.6, 20.4)], 0.9), (120, 84, 60), True),
        Shape(dome, cloth, True),
        Shape(cut(dome, ellipse(12, 12.6, 4, 10.4)), (190, 120, 236)),
        Shape(stroke([(8, 12), (9.4, 5), (12, 2.8)], 0.4), dark),
        Shape(stroke([(16, 12), (14.6, 5), (12, 2.8)], 0.4), dark),
    ]


def _bucket() -> list[Shape]:
    tin, dark = (20, 184, 190), (12, 118, 128)
    return [
        Shape(stroke([(3.4, 9), (5.4, 4), (12, 1.9), (18.6, 4), (20.6, 9)], 0.7), (104, 110, 120), True),
        Shape(polygon((2.8, 9), (21.2, 9), (18.2, 22.8), (5.8, 22.8), rounded=0.4), tin, True),
        Shape(ellipse(12, 9.4, 9.3, 2.2), dark, True),
        Shape(stroke([(6.4, 17.4), (17.6, 17.4)], 0.7), (150, 232, 232)),
    ]


def _ball() -> list[Shape]:
    disc = ellipse(12, 12.6, 10.5)
    wedge = [polygon((12, 12.6), a, b) for a, b in (((-6, 8), (8, -8)), ((20, -6), (32, 14)), ((20, 32), (2, 32)))]
    colours = ((232, 56, 140), (60, 130, 240), (250, 214, 60))
    return [
        Shape(disc, WHITE, True),
        *(Shape(cut(disc, w), c) for w, c in zip(wedge, colours, strict=True)),
        Shape(ellipse(12, 12.6, 2.2), WHITE),
    ]


ANIMALS = {
    "cat": _cat(),
    "dog": _dog(),
    "duck": _duck(),
    "elephant": _elephant(),
    "frog": _frog(),
    "penguin": _penguin(),
    "pig": _pig(),
    "rabbit": _rabbit(),
}
"""Shapes of the animals, which move, by noun."""

OBJECTS = {
    "ball": _ball(),
    "box": _box(),
    "bucket": _bucket(),
    "cactus": _cactus(),
    "chair": _chair(),
    "mushroom": _mushroom(),
    "table": _table(),
    "umbrella": _umbrella(),
}
"""Shapes of the objects, which stay, by noun."""
