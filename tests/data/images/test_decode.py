"""`decode` has a defined answer for every odd image file."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from cvcore.data.image_header import plain_jpeg_size
from cvcore.data.images import decode, decode_mask, decode_panoptic, header_size, upright
from cvcore.data.records import ImageRef
from cvcore.errors import DataError

LIMIT = 10_000_000


def picture(height=48, width=64):
    """A smooth RGB picture that JPEG keeps well, with no symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    red, green, blue = 40 + 3 * x, 200 - 2 * y, 30 + x + y
    return np.dstack([red, green, blue]).clip(0, 255).astype(np.uint8)


def saved(image, image_format, **options):
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def ref(data):
    return ImageRef(data=data, name="cat.jpg")


def decoded(data, **options):
    image = decode(ref(data), LIMIT, **options)
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.flags.c_contiguous
    assert image.flags.writeable
    return image


def close(image, expected, tolerance):
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < tolerance


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_rgb_in_every_format(image_format):
    options = {"quality": 95} if image_format in ("JPEG", "WEBP") else {}
    close(decoded(saved(picture(), image_format, **options)), picture(), 3)


def test_a_wrong_extension_is_read_by_content(tmp_path):
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(saved(picture(), "PNG"))
    np.testing.assert_array_equal(decode(ImageRef(path), LIMIT), picture())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied_once(orientation, image_format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"JPEG": {"quality": 98}, "WEBP": {"lossless": True}}.get(image_format, {})
    data = saved(picture(), image_format, exif=exif, **lossless)
    expected = upright(picture(), orientation)
    close(decoded(data), expected, 3)
    assert header_size(ref(data)) == expected.shape[:2]


def test_orientation_agrees_with_pil():
    from PIL import ImageOps

    for orientation in range(1, 9):
        image = Image.fromarray(picture())
        image.getexif()[0x0112] = orientation
        expected = np.asarray(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(upright(picture(), orientation), expected)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF"])
def test_grey(image_format):
    grey = picture()[..., 0]
    close(decoded(saved(grey, image_format)), np.repeat(grey[..., None], 3, axis=2), 2)


def test_one_bit():
    bits = picture()[..., 0] > 128
    expected = np.repeat(bits[..., None], 3, axis=2) * 255
    np.testing.assert_array_equal(decoded(saved(Image.fromarray(bits), "PNG")), expected)


def test_palette_gives_its_colours():
    palette = Image.fromarray(picture()).quantize(256)
    np.testing.assert_array_equal(
        decoded(saved(palette, "PNG")), np.asarray(palette.convert("RGB"))
    )


def with_alpha(mode):
    rgba = np.dstack([picture(), np.full((48, 64), 255, np.uint8)])
    rgba[:10, :, 3] = 0
    rgba[10:20, :, 3] = 51
    return Image.fromarray(rgba).convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_composited_on_white(mode, image_format):
    if mode == "LA" and image_format == "WEBP":
        pytest.skip("WebP has no grey")
    image = with_alpha(mode)
    options = {"lossless": True} if image_format == "WEBP" else {}
    result = decoded(saved(image, image_format, **options))
    colours = np.asarray(image.convert("RGB"))
    assert (result[:10] == 255).all()
    np.testing.assert_allclose(result[10:20], 0.2 * colours[10:20] + 0.8 * 255, atol=1)
    np.testing.assert_array_equal(result[20:], colours[20:])


def test_palette_with_a_transparent_colour():
    image = Image.fromarray((picture()[..., 0] > 128).astype(np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    result = decoded(saved(image, "PNG", transparency=0))
    index = np.asarray(image)
    assert (result[index == 0] == 255).all()
    assert (result[index == 1] == (200, 100, 50)).all()


def test_rgb_png_with_a_transparent_colour():
    image = np.full((8, 8, 3), 77, np.uint8)
    image[0] = (1, 2, 3)
    result = decoded(saved(image, "PNG", transparency=(1, 2, 3)))
    assert (result[0] == 255).all()
    assert (result[1:] == 77).all()


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled_to_eight(extension, channels):
    values = picture().astype(np.uint16) * 257
    values = values[..., ::-1] if channels == 3 else values[..., 0]
    data = cv2.imencode(extension, np.ascontiguousarray(values))[1].tobytes()
    expected = picture() if channels == 3 else np.repeat(picture()[..., :1], 3, axis=2)
    np.testing.assert_array_equal(decoded(data), expected)


def test_sixteen_bits_with_alpha_are_composited():
    values = np.zeros((4, 4, 4), np.uint16)
    values[:2] = (0, 0, 65535, 65535)  # opaque red in OpenCV's order
    result = decoded(cv2.imencode(".png", values)[1].tobytes())
    assert (result[:2] == (255, 0, 0)).all()
    assert (result[2:] == 255).all()


def test_sixteen_bits_round_and_do_not_stretch():
    values = np.array([[0, 128, 129, 32768, 65535]], np.uint16)
    result = decoded(cv2.imencode(".png", values)[1].tobytes())
    assert result[0, :, 0].tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_unknown_range_is_refused(mode):
    data = saved(Image.fromarray(picture()[..., 0]).convert(mode), "TIFF")
    with pytest.raises(DataError, match=r"cat\.jpg has 32-bit pixels .* 8 or 16 bits"):
        decoded(data)


def test_cmyk_jpeg():
    cmyk = Image.fromarray(picture()).convert("CMYK")
    close(decoded(saved(cmyk, "JPEG", quality=98)), picture(), 4)


def test_ycck_jpeg():
    """A CMYK JPEG whose Adobe marker says transform 2 holds YCCK: colours change with it."""
    data = saved(Image.fromarray(picture()).convert("CMYK"), "JPEG", quality=98)
    at = data.index(b"Adobe")
    assert data[at + 11] == 0
    ycck = data[: at + 11] + b"\x02" + data[at + 12 :]
    expected = np.asarray(Image.open(io.BytesIO(ycck)).convert("RGB"))
    np.testing.assert_array_equal(decoded(ycck), expected)


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "TIFF", "PNG"])
def test_only_the_first_frame_is_read(image_format):
    first, second = (Image.new("RGB", (8, 6), color) for color in ((255, 0, 0), (0, 0, 255)))
    options = {"lossless": True} if image_format == "WEBP" else {}
    data = saved(first, image_format, save_all=True, append_images=[second], **options)
    assert (decoded(data) == (255, 0, 0)).all()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("kept", [0.5, 0.9, -2, -13])
def test_a_truncated_file_is_an_error_not_grey_pixels(image_format, kept):
    data = saved(picture(480, 640), image_format)
    cut = data[:kept] if kept < 0 else data[: int(len(data) * kept)]
    with pytest.raises(DataError, match=r"cat\.jpg is damaged \(truncated"):
        decoded(cut)


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "WEBP", "BMP"])
def test_other_truncated_files_are_errors_too(image_format):
    data = saved(picture(480, 640), image_format)
    with pytest.raises(DataError, match=r"cat\.jpg is (damaged|not an image)"):
        decoded(data[: len(data) // 2])


def test_a_preallocated_download_is_an_error():
    data = saved(picture(480, 640), "JPEG")
    with pytest.raises(DataError, match="damaged"):
        decoded(data[: len(data) // 2] + bytes(len(data) // 2))


def test_a_thumbnails_end_marker_does_not_hide_truncation():
    thumbnail = saved(picture(16, 16), "JPEG")
    data = saved(picture(480, 640), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = data[:2] + segment + data[2:]
    close(decoded(whole), picture(480, 640), 3)
    with pytest.raises(DataError, match="truncated"):
        decoded(whole[: len(whole) // 2])


def test_bytes_after_the_end_do_no_harm():
    data = saved(picture(), "JPEG", quality=95)
    close(decoded(data + b"appended by a phone" * 3), picture(), 3)


def test_progressive_jpeg_with_appended_bytes():
    data = saved(picture(), "JPEG", quality=95, progressive=True)
    close(decoded(data + b"more"), picture(), 3)


def test_damaged_png_data():
    data = bytearray(saved(picture(480, 640), "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(DataError, match=r"cat\.jpg is damaged"):
        decoded(bytes(data))


def test_zero_bytes():
    with pytest.raises(DataError, match=r"cat\.jpg is empty \(0 bytes\)"):
        decoded(b"")


@pytest.mark.parametrize("data", [b"<html>404</html>", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"x"])
def test_not_an_image(data):
    with pytest.raises(DataError, match=r"cat\.jpg is (damaged|not an image)"):
        decoded(data)


def bomb_png(width, height):
    """A few hundred bytes whose header promises width x height pixels."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("width", [4_000, 60_000])
def test_a_bomb_is_refused_from_its_header(width):
    data = bomb_png(width, width)
    with pytest.raises(DataError, match=r"at most 10,000,000 are allowed.*max_image_pixels"):
        decoded(data)
    with pytest.raises(DataError, match="pixels; at most"):
        header_size(ref(data), LIMIT)


def test_the_limit_can_be_raised_above_pils_own():
    data = bomb_png(20_000, 20_000)
    assert header_size(ref(data), 400_000_000) == (20_000, 20_000)
    assert Image.MAX_IMAGE_PIXELS is not None


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"gone\.jpg can't be opened \(No such file"):
        decode(ImageRef(tmp_path / "gone.jpg"), LIMIT)


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        ((480, 640), (480, 640)),
        ((240, 320), (240, 320)),
        ((100, 100), (120, 160)),
        ((8, 8), (60, 80)),
    ],
)
def test_reduced_decoding_never_goes_below_what_is_needed(least, expected):
    image = picture(480, 640)
    result = decoded(saved(image, "JPEG", quality=95), min_size_hw=least)
    assert result.shape[:2] == expected
    small = cv2.resize(image, expected[::-1], interpolation=cv2.INTER_AREA)
    close(result, small, 3)


def test_reduced_decoding_counts_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(picture(480, 640), "JPEG", exif=exif)
    assert decoded(data, min_size_hw=(320, 240)).shape[:2] == (320, 240)
    assert decoded(data, min_size_hw=(320, 241)).shape[:2] == (640, 480)


IDS = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 1, 1]], np.uint8)


def mask_of(data):
    ids = decode_mask(ref(data))
    assert ids.dtype == np.int32
    return ids


def test_mask_of_grey_values():
    np.testing.assert_array_equal(mask_of(saved(IDS * 7, "PNG")), IDS * 7)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_mask_of_palette_indices_not_colours(bits):
    image = Image.fromarray(IDS, "P")
    image.putpalette([255, 255, 255, 9, 9, 9, 128, 0, 0, 0, 64, 0])
    np.testing.assert_array_equal(mask_of(saved(image, "PNG", bits=bits)), IDS)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_mask_of_few_grey_bits(bits):
    ids = IDS % 2**bits
    packed = [
        int("".join(f"{v:0{bits}b}" for v in row).ljust(-(-4 * bits // 8) * 8, "0"), 2).to_bytes(
            -(-4 * bits // 8), "big"
        )
        for row in ids
    ]
    whole = bomb_png(4, 3)
    header = struct.pack(">IIBBBBB", 4, 3, bits, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in packed))
    at = whole.index(b"IHDR") - 4
    parts = [
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b))
        for k, b in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    ]
    np.testing.assert_array_equal(mask_of(whole[:at] + b"".join(parts)), ids)


def test_mask_of_sixteen_bits():
    ids = IDS.astype(np.uint16) * 1000
    np.testing.assert_array_equal(mask_of(cv2.imencode(".png", ids)[1].tobytes()), ids)


def test_mask_saved_as_grey_rgb():
    np.testing.assert_array_equal(mask_of(saved(np.dstack([IDS] * 3), "PNG")), IDS)


def test_mask_of_colours_is_refused():
    with pytest.raises(DataError, match=r"cat\.jpg holds colours \(RGB\), not class ids"):
        mask_of(saved(picture(), "PNG"))


@pytest.mark.parametrize("read", [decode_mask, decode_panoptic])
def test_truncated_mask_is_refused(read):
    with pytest.raises(DataError, match="truncated"):
        read(ref(saved(picture(), "PNG")[:-5]))


def test_panoptic_ids():
    ids = np.array([[0, 255, 256], [65536, 70000, 2**24 - 1]], np.int32)
    rgb = np.dstack([ids % 256, ids // 256 % 256, ids // 65536]).astype(np.uint8)
    result = decode_panoptic(ref(saved(rgb, "PNG")))
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, ids)


def test_panoptic_png_of_grey_is_refused():
    with pytest.raises(DataError, match=r"mode L; RGB is needed"):
        decode_panoptic(ref(saved(IDS, "PNG")))


def test_only_a_jpeg_without_surprises_takes_the_short_way():
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb = Image.fromarray(picture())
    assert plain_jpeg_size(saved(rgb, "JPEG")) == (48, 64)
    assert plain_jpeg_size(saved(rgb, "JPEG", progressive=True)) == (48, 64)
    assert plain_jpeg_size(saved(rgb.convert("L"), "JPEG")) == (48, 64)
    assert plain_jpeg_size(saved(rgb, "JPEG", exif=exif)) is None
    assert plain_jpeg_size(saved(rgb.convert("CMYK"), "JPEG")) is None
    assert plain_jpeg_size(saved(rgb, "PNG")) is None
    whole = saved(rgb, "JPEG")
    for length in range(160):
        assert plain_jpeg_size(whole[:length]) in (None, (48, 64))
