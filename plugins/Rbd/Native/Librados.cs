using System.Runtime.InteropServices;

namespace GlanceGateway.Plugins.Rbd.Native;

/// <summary>
/// librados as <c>rados/librados.h</c> declares it. Handles are plain pointers: <see cref="CephCluster"/> counts who uses them, because an
/// image must be closed before its cluster and both closings block, which a finalizer may not. Results are 0 or more, or a negative errno.
/// </summary>
internal static unsafe partial class Librados
{
    public const string Name = "librados.so.2";

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_create(out nint cluster, string? id);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_conf_read_file(nint cluster, string? path);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_conf_set(nint cluster, string option, string value);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_conf_get(nint cluster, string option, byte* buffer, nuint length);

    [LibraryImport(Name)]
    public static partial int rados_connect(nint cluster);

    [LibraryImport(Name)]
    public static partial void rados_shutdown(nint cluster);

    [LibraryImport(Name)]
    public static partial int rados_cluster_fsid(nint cluster, byte* buffer, nuint length);

    [LibraryImport(Name)]
    public static partial ulong rados_get_instance_id(nint cluster);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial long rados_pool_lookup(nint cluster, string pool);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_ioctx_create(nint cluster, string pool, out nint io);

    [LibraryImport(Name)]
    public static partial long rados_ioctx_get_id(nint io);

    [LibraryImport(Name)]
    public static partial void rados_ioctx_destroy(nint io);

    // Without it a write to a full pool waits until there is room again.
    [LibraryImport(Name)]
    public static partial void rados_set_pool_full_try(nint io);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_read(nint io, string oid, byte* buffer, nuint length, ulong offset);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_write_full(nint io, string oid, byte* buffer, nuint length);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_remove(nint io, string oid);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_stat(nint io, string oid, out ulong size, out nint modified);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_exec(nint io, string oid, string cls, string method, byte* input, nuint inputLength, byte* output, nuint outputLength);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_aio_exec(
        nint io, string oid, nint completion, string cls, string method, byte* input, nuint inputLength, byte* output, nuint outputLength);

    [LibraryImport(Name)]
    public static partial int rados_aio_create_completion2(nint argument, delegate* unmanaged<nint, nint, void> done, out nint completion);

    [LibraryImport(Name)]
    public static partial int rados_aio_get_return_value(nint completion);

    [LibraryImport(Name)]
    public static partial void rados_aio_release(nint completion);

    [LibraryImport(Name)]
    public static partial int rados_mon_command(
        nint cluster, byte** commands, nuint commandCount, byte* input, nuint inputLength, out nint output, out nuint outputLength, out nint status, out nuint statusLength);

    [LibraryImport(Name)]
    public static partial void rados_buffer_free(nint buffer);
}
