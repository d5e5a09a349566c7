using System.Runtime.InteropServices;

namespace GlanceGateway.Plugins.Rbd.Native;

/// <summary>librbd as <c>rbd/librbd.h</c> declares it. Results are 0 or more, or a negative errno.</summary>
internal static unsafe partial class Librbd
{
    public const string Name = "librbd.so.1";

    public const int OptionFormat = 0;
    public const int OptionFeatures = 1;
    public const int OptionOrder = 2;
    public const ulong FeatureLayering = 1;

    [LibraryImport(Name)]
    public static partial void rbd_image_options_create(out nint options);

    [LibraryImport(Name)]
    public static partial int rbd_image_options_set_uint64(nint options, int name, ulong value);

    [LibraryImport(Name)]
    public static partial void rbd_image_options_destroy(nint options);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_create4(nint io, string name, ulong size, nint options);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_open(nint io, string name, out nint image, string? snapshot);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_open_read_only(nint io, string name, out nint image, string? snapshot);

    [LibraryImport(Name)]
    public static partial int rbd_close(nint image);

    [LibraryImport(Name)]
    public static partial int rbd_get_size(nint image, out ulong size);

    [LibraryImport(Name)]
    public static partial int rbd_get_stripe_unit(nint image, out ulong unit);

    [LibraryImport(Name)]
    public static partial int rbd_get_id(nint image, byte* id, nuint length);

    [LibraryImport(Name)]
    public static partial int rbd_resize_with_progress(nint image, ulong size, delegate* unmanaged<ulong, ulong, nint, int> progress, nint argument);

    [LibraryImport(Name)]
    public static partial int rbd_flush(nint image);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_create(nint image, string snapshot);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_protect(nint image, string snapshot);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_unprotect(nint image, string snapshot);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_remove(nint image, string snapshot);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_get_id(nint image, string snapshot, out ulong id);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_metadata_get(nint image, string key, byte* value, ref nuint length);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_metadata_set(nint image, string key, string value);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_metadata_remove(nint image, string key);

    [LibraryImport(Name)]
    public static partial int rbd_watchers_list(nint image, Watcher* watchers, ref nuint count);

    [LibraryImport(Name)]
    public static partial void rbd_watchers_list_cleanup(Watcher* watchers, nuint count);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_rename(nint io, string name, string newName);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_remove_with_progress(nint io, string name, delegate* unmanaged<ulong, ulong, nint, int> progress, nint argument);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_trash_move(nint io, string name, ulong delay);

    [LibraryImport(Name)]
    public static partial int rbd_list2(nint io, ImageSpec* images, ref nuint count);

    [LibraryImport(Name)]
    public static partial void rbd_image_spec_list_cleanup(ImageSpec* images, nuint count);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_diff_iterate2(
        nint image, string? fromSnapshot, ulong offset, ulong length, byte includeParent, byte wholeObject, delegate* unmanaged<ulong, nuint, int, nint, int> found, nint argument);

    [LibraryImport(Name)]
    public static partial int rbd_aio_create_completion(nint argument, delegate* unmanaged<nint, nint, void> done, out nint completion);

    [LibraryImport(Name)]
    public static partial nint rbd_aio_get_return_value(nint completion);

    [LibraryImport(Name)]
    public static partial void rbd_aio_release(nint completion);

    [LibraryImport(Name)]
    public static partial int rbd_aio_read(nint image, ulong offset, nuint length, byte* buffer, nint completion);

    [LibraryImport(Name)]
    public static partial int rbd_aio_write(nint image, ulong offset, nuint length, byte* buffer, nint completion);

    /// <summary><c>rbd_image_spec_t</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ImageSpec
    {
        public nint Id;
        public nint Name;
    }

    /// <summary><c>rbd_image_watcher_t</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Watcher
    {
        public nint Address;
        public long Client;
        public ulong Cookie;
    }
}
