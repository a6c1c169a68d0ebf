"""Every kind of picture becomes the same kind of pixels, or is refused with its reason."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from blocks.errors import BadInput, ImageTooLarge, UnreadableImage
from blocks.storage.stores import Store
from tasks.intake.decoding.headers import MAX_PIXELS
from tasks.intake.images import decode_upright, encode_jpeg, inspect_image, read_item, upright_size
from tests.examples import examples
from tests.intake.factories import (
    Array,
    draw_corners,
    draw_noise,
    encoded,
    png_16_bit_rgb,
    png_claiming,
    with_orientation,
)

RGB = draw_corners()
BGR = RGB[..., ::-1]


def grey(rgb: Array) -> Image.Image:
    return Image.fromarray(rgb).convert("L")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    pixels = decode_upright(encoded(RGB, kind))
    assert pixels.dtype == np.uint8
    assert pixels.flags["C_CONTIGUOUS"] and pixels.flags["WRITEABLE"]
    np.testing.assert_array_equal(pixels, BGR)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_keep_colours_and_channel_order(kind: str) -> None:
    pixels = decode_upright(encoded(RGB, kind, quality=95))
    assert np.abs(pixels[4, 4].astype(int) - (0, 0, 255)).max() < 12  # red, blue green red
    assert np.abs(pixels[-4, 4].astype(int) - (255, 0, 0)).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_pixels_are_upright_whatever_way_the_camera_was_held(orientation: int, kind: str) -> None:
    data = with_orientation(RGB, orientation, kind)
    facts = inspect_image(data)
    assert (facts.width, facts.height, facts.orientation) == (48, 32, orientation)
    pixels = decode_upright(data)
    assert pixels.shape == (32, 48, 3)
    for row, column in ((4, 4), (4, -4), (-4, 4), (-4, -4)):
        assert np.abs(pixels[row, column].astype(int) - BGR[row, column]).max() < 12


@pytest.mark.parametrize("orientation", [0, 9, 250])
def test_an_orientation_that_does_not_exist_counts_as_upright(orientation: int) -> None:
    data = with_orientation(RGB, orientation)
    assert inspect_image(data).orientation == 1
    assert decode_upright(data).shape == (32, 48, 3)


def test_grey_becomes_three_equal_channels() -> None:
    pixels = decode_upright(encoded(grey(RGB)))
    assert pixels.shape == (32, 48, 3)
    assert (pixels[..., 0] == pixels[..., 2]).all()
    assert decode_upright(encoded(Image.fromarray(RGB).convert("1"))).max() == 255


def test_16_bits_are_scaled_over_their_full_range() -> None:
    deep = np.array([[0, 255, 256, 0x8040, 0xFFFF]], np.uint16)
    assert decode_upright(encoded(Image.fromarray(deep)))[0, :, 1].tolist() == [0, 0, 1, 0x80, 255]
    assert decode_upright(encoded(Image.fromarray(deep), "TIFF"))[0, :, 1].tolist() == [0, 0, 1, 0x80, 255]
    assert decode_upright(png_16_bit_rgb(level=0x8040))[0, 0].tolist() == [255, 0, 0x80]


def test_values_without_a_stated_range_are_stretched_over_the_one_they_have() -> None:
    floats = np.array([[-1.0, 0.0, 1.0, np.nan, np.inf]], np.float32)
    assert decode_upright(encoded(Image.fromarray(floats), "TIFF"))[0, :, 0].tolist() == [0, 127, 255, 0, 0]
    flat = np.full((2, 2), 70_000, np.int32)
    assert decode_upright(encoded(Image.fromarray(flat), "TIFF")).max() == 0


def test_cmyk_becomes_the_colours_a_printer_meant() -> None:
    pixels = decode_upright(encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=95))
    assert pixels.shape == (32, 48, 3)
    assert np.abs(pixels[-4, -4].astype(int) - 255).max() < 12  # white stays white
    assert pixels[4, 4].argmax() == 2


def test_transparency_lies_on_white() -> None:
    rgba = np.dstack([RGB, np.zeros((32, 48), np.uint8)])
    rgba[:, 24:, 3] = 255
    pixels = decode_upright(encoded(rgba))
    assert (pixels[:, :24] == 255).all()
    np.testing.assert_array_equal(pixels[:, 24:], BGR[:, 24:])
    assert (decode_upright(encoded(Image.new("LA", (3, 3), (7, 0)))) == 255).all()
    assert (decode_upright(encoded(Image.new("RGB", (3, 3), (1, 2, 3)), transparency=(1, 2, 3))) == 255).all()


def test_a_palette_is_looked_up_also_with_transparency() -> None:
    palette = Image.fromarray(RGB).quantize(4)
    np.testing.assert_array_equal(decode_upright(encoded(palette)), BGR)
    index = palette.getpixel((0, 0))
    pixels = decode_upright(encoded(palette, transparency=bytes(0 if n == index else 255 for n in range(4))))
    assert (pixels[4, 4] == 255).all()
    np.testing.assert_array_equal(pixels[4, -4], BGR[4, -4])


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_upright(data)[0, 0].tolist() == [0, 0, 255]
    assert not inspect_image(data).plain


def test_a_phones_two_pictures_in_one_file_are_its_first() -> None:
    first, second = (Image.fromarray(draw_noise(seed)) for seed in (1, 2))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    facts = inspect_image(data)
    assert (facts.media_type, facts.plain) == ("image/jpeg", True)
    np.testing.assert_array_equal(decode_upright(data), decode_upright(encoded(first, "JPEG")))


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 700)])
def test_tiny_and_thin_images_are_images(size: tuple[int, int]) -> None:
    data = encoded(Image.new("RGB", size, "red"))
    assert (inspect_image(data).width, inspect_image(data).height) == size
    assert decode_upright(data).shape == (size[1], size[0], 3)


def test_ten_thousand_by_ten_thousand_pixels_are_decoded() -> None:
    data = encoded(Image.new("L", (10_000, 10_000), 90), "JPEG")
    assert inspect_image(data).width == 10_000
    assert decode_upright(data).shape == (10_000, 10_000, 3)


@pytest.mark.parametrize(
    ("data", "media_type", "plain"),
    [
        (encoded(RGB, "JPEG"), "image/jpeg", True),
        (encoded(RGB, "JPEG", progressive=True), "image/jpeg", True),
        (encoded(RGB, "PNG"), "image/png", True),
        (encoded(grey(RGB), "PNG"), "image/png", True),
        (encoded(RGB, "BMP"), "image/bmp", True),
        (encoded(RGB, "WEBP"), "image/webp", True),
        (encoded(grey(RGB), "GIF"), "image/gif", True),
        (encoded(RGB, "TIFF"), "image/tiff", False),
        (encoded(RGB, "PPM"), "image/x-portable-anymap", False),
        (png_16_bit_rgb(), "image/png", False),
        (encoded(Image.new("I;16", (3, 3))), "image/png", False),
        (encoded(Image.new("RGBA", (3, 3))), "image/png", False),
        (encoded(Image.new("RGBA", (3, 3)), "WEBP"), "image/webp", False),
        (encoded(Image.new("P", (3, 3)), transparency=0), "image/png", False),
        (encoded(Image.new("CMYK", (3, 3)), "JPEG"), "image/jpeg", False),
        (with_orientation(RGB, 6), "image/jpeg", False),
    ],
)
def test_plain_says_whether_a_browser_shows_the_same(data: bytes, media_type: str, plain: bool) -> None:
    facts = inspect_image(data)
    assert (facts.media_type, facts.plain) == (media_type, plain)


# --- what is refused ---


@pytest.mark.parametrize("read", [inspect_image, decode_upright])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 this is a document", "not an image of a known format.*begins with 25 50 44 46"),
        (b"\x00" * 5000, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (b"\xff\xd8\xff", "image"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 400, "image"),
    ],
)
def test_what_is_no_image_is_refused_with_its_reason(read: type, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        read(data)


@pytest.mark.parametrize("read", [inspect_image, decode_upright])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.98])
@pytest.mark.parametrize(
    "whole",
    [
        encoded(draw_noise(1, 300, 200), "JPEG"),
        encoded(draw_noise(1, 300, 200), "JPEG", progressive=True),
        encoded(draw_noise(1, 300, 200), "PNG"),
        encoded(draw_noise(1, 300, 200), "WEBP"),
        encoded(draw_noise(1, 300, 200), "BMP"),
        encoded(draw_noise(1, 300, 200), "TIFF"),
        encoded(Image.fromarray(draw_noise(1, 300, 200)).quantize(256), "GIF"),
        encoded(draw_noise(1, 300, 200), "PPM"),
    ],
    ids=["jpeg", "progressive", "png", "webp", "bmp", "tiff", "gif", "ppm"],
)
def test_a_truncated_file_is_refused(read: type, whole: bytes, share: float) -> None:
    with pytest.raises(UnreadableImage, match=r"truncated|not an image"):
        read(whole[: int(len(whole) * share)])


@pytest.mark.parametrize("read", [inspect_image, decode_upright])
def test_more_pixels_than_allowed_are_refused_by_the_header_alone(read: type) -> None:
    with pytest.raises(ImageTooLarge, match=r"100000×100000 pixels are more than the 400,000,000"):
        read(png_claiming(100_000, 100_000))
    assert MAX_PIXELS == 400_000_000


@pytest.mark.parametrize("read", [inspect_image, decode_upright])
def test_a_header_that_promises_more_than_there_is_is_refused(read: type) -> None:
    with pytest.raises(UnreadableImage, match="truncated"):
        read(png_claiming(5_000, 5_000))


@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"]))
@settings(max_examples=examples(100, long=6000), deadline=None)
def test_hostile_bytes_never_raise_anything_else(data: st.DataObject, kind: str) -> None:
    source = Image.fromarray(draw_noise(3, 40, 30))
    whole = bytearray(encoded(source.quantize(16) if kind == "GIF" else source, kind))
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, min(len(whole), 700) - 1))
        whole[position] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of the metadata is no concern of ours
        try:
            facts = inspect_image(bytes(whole))
            assert decode_upright(bytes(whole)).shape == (facts.height, facts.width, 3)
        except BadInput:
            pass


# --- and back ---


def test_pixels_become_a_jpeg_and_come_back_alike() -> None:
    pixels = decode_upright(encode_jpeg(BGR, quality=95))
    assert pixels.shape == BGR.shape
    assert np.abs(pixels[4, 4].astype(int) - BGR[4, 4]).max() < 12


def test_a_side_that_jpeg_cannot_hold_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="70000×1 pixels do not fit a JPEG"):
        encode_jpeg(np.zeros((1, 70_000, 3), np.uint8))


def test_an_item_is_read_by_its_key_and_named_when_it_cannot_be(store: Store) -> None:
    store.put("items/ab/good.png", encoded(RGB))
    store.put("items/ab/bad.png", b"nothing")
    np.testing.assert_array_equal(read_item(store, "items/ab/good.png"), BGR)
    with pytest.raises(UnreadableImage, match=r"items/ab/bad.png: not an image"):
        read_item(store, "items/ab/bad.png")


def test_the_size_of_the_largest_jpeg_is_told_from_its_first_bytes(tmp_path: Path) -> None:
    small = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    size_at = small.index(b"\xff\xc0") + 5
    claiming = small[:size_at] + (20_000).to_bytes(2) * 2 + small[size_at + 4 :]
    path = tmp_path / "stitched.jpg"
    path.write_bytes(claiming + bytes(2_000_000))
    assert upright_size(path) == (20_000, 20_000)


def test_pillows_own_limit_does_not_get_in_the_way() -> None:
    assert decode_upright(encoded(RGB)).size
    with Image.open(io.BytesIO(png_claiming(15_000, 15_000))) as image:
        assert image.size == (15_000, 15_000)
