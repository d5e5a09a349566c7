using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// What is done to whole images, as blocking calls over librbd. Two steps that it lacks are done on the pool's objects: reading which image
/// a name stands for (<c>rbd_id.NAME</c>), and finishing a rename that a crash cut in half.
/// </summary>
internal static unsafe class PoolImages
{
    /// <summary>The key in an image's metadata that names the attempt which made it, until that is settled.</summary>
    public const string AttemptKey = "glance.attempt";

    private const string Directory = "rbd_directory";

    /// <summary>The internal id of the image that has a name; null when none has.</summary>
    public static string? FindId(CephCluster cluster, string name)
    {
        CallPulse.Beat();
        var buffer = stackalloc byte[256];
        var read = Librados.rados_read(cluster.Io, $"rbd_id.{name}", buffer, 256, 0);
        if (read == -Errno.ENOENT)
            return null;
        CephException.Check(read, $"The name '{name}' could not be looked up");
        var content = new ReadOnlySpan<byte>(buffer, read);
        return read > 4 && BinaryPrimitives.ReadInt32LittleEndian(content) is var length && length > 0 && length <= read - 4
            ? Encoding.UTF8.GetString(content.Slice(4, length))
            : null;
    }

    /// <summary>Makes an empty image; a name that is taken is -EEXIST.</summary>
    public static int Create(CephCluster cluster, string name, long size, long objectSize)
    {
        CallPulse.Beat();
        Librbd.rbd_image_options_create(out var options);
        try
        {
            CephException.Check(Librbd.rbd_image_options_set_uint64(options, Librbd.OptionFormat, 2), "The format could not be set");
            CephException.Check(Librbd.rbd_image_options_set_uint64(options, Librbd.OptionFeatures, cluster.Features), "The features could not be set");
            CephException.Check(Librbd.rbd_image_options_set_uint64(options, Librbd.OptionOrder, (ulong)long.Log2(objectSize)), "The object size could not be set");
            return Librbd.rbd_create4(cluster.Io, name, (ulong)size, options);
        }
        finally
        {
            Librbd.rbd_image_options_destroy(options);
        }
    }

    /// <summary>Removes an image; of a large one it takes minutes, with a sign for every object.</summary>
    /// <returns>0 or a negative errno.</returns>
    public static int Remove(CephCluster cluster, string name)
    {
        CallPulse.Beat();
        var pulse = GCHandle.Alloc(CallPulse.OfThisThread());
        try
        {
            return Librbd.rbd_remove_with_progress(cluster.Io, name, &OnProgress, GCHandle.ToIntPtr(pulse));
        }
        finally
        {
            pulse.Free();
        }
    }

    /// <summary>Changes the length of an image, with a sign for every object that is cut off.</summary>
    /// <returns>0 or a negative errno.</returns>
    public static int Resize(RbdImage image, long size)
    {
        CallPulse.Beat();
        var pulse = GCHandle.Alloc(CallPulse.OfThisThread());
        try
        {
            return Librbd.rbd_resize_with_progress(image.Handle, (ulong)size, &OnProgress, GCHandle.ToIntPtr(pulse));
        }
        finally
        {
            pulse.Free();
        }
    }

    /// <summary>The attempt that made an image and was not settled yet; null when there is none.</summary>
    public static string? AttemptOf(RbdImage image)
    {
        CallPulse.Beat();
        var buffer = stackalloc byte[64];
        nuint length = 64;
        var result = Librbd.rbd_metadata_get(image.Handle, AttemptKey, buffer, ref length);
        if (result is -Errno.ENOENT or -Errno.ERANGE)
            return null;
        CephException.Check(result, "The image's metadata could not be read");
        return Encoding.UTF8.GetString(new ReadOnlySpan<byte>(buffer, 64)).Split('\0')[0];
    }

    /// <summary>
    /// Gives the image of an attempt its final name. librbd writes the new name, then the directory, then removes the old name; the image can
    /// be opened from the first step on, and a name that is taken fails in it.
    /// </summary>
    /// <returns>0; -EEXIST when another image has the name; -ENOENT when the attempt's image is gone.</returns>
    public static int Rename(CephCluster cluster, string name, string newName, string id)
    {
        CallPulse.Beat();
        var result = Librbd.rbd_rename(cluster.Io, name, newName);
        if (result is not (-Errno.EEXIST or -Errno.ENOENT) || FindId(cluster, newName) != id)
            return result;

        // An earlier try of ours got as far as the new name.
        FinishRename(cluster, name, newName, id);
        return 0;
    }

    /// <summary>Does what is left to do when both names stand for one image.</summary>
    public static void FinishRename(CephCluster cluster, string name, string newName, string id)
    {
        CallPulse.Beat();
        // cls_rbd's dir_rename_image: three strings with their lengths before them. It fails when the directory already has the new name.
        byte[] input = [.. Encode(name), .. Encode(newName), .. Encode(id)];
        fixed (byte* pinned = input)
        {
            var renamed = Librados.rados_exec(cluster.Io, Directory, "rbd", "dir_rename_image", pinned, (nuint)input.Length, null, 0);
            if (renamed is not (-Errno.ENOENT or -Errno.EEXIST or -Errno.ESTALE))
                CephException.Check(renamed, $"'{name}' could not be renamed in the directory");
        }

        CallPulse.Beat();
        var removed = Librados.rados_remove(cluster.Io, $"rbd_id.{name}");
        if (removed != -Errno.ENOENT)
            CephException.Check(removed, $"The name '{name}' could not be removed");

        static byte[] Encode(string text)
        {
            var bytes = new byte[sizeof(int) + Encoding.UTF8.GetByteCount(text)];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length - sizeof(int));
            Encoding.UTF8.GetBytes(text, bytes.AsSpan(sizeof(int)));
            return bytes;
        }
    }

    /// <summary>The clients, but for this opening, that have an image open for writing, or mapped.</summary>
    public static List<ulong> OtherWatchersOf(RbdImage image)
    {
        CallPulse.Beat();
        nuint count = 16;
        while (true)
        {
            var watchers = new Librbd.Watcher[(int)count];
            fixed (Librbd.Watcher* pinned = watchers)
            {
                var result = Librbd.rbd_watchers_list(image.Handle, pinned, ref count);
                if (result == -Errno.ERANGE)
                    continue;
                CephException.Check(result, "The image's users could not be listed");
                var others = watchers.Take((int)count).Select(watcher => (ulong)watcher.Client).ToList();
                Librbd.rbd_watchers_list_cleanup(pinned, count);
                others.Remove(image.Cluster.InstanceId);
                return others;
            }
        }
    }

    /// <summary>Every image of the pool: its name and id.</summary>
    public static List<(string Name, string Id)> List(CephCluster cluster)
    {
        CallPulse.Beat();
        nuint count = 1024;
        while (true)
        {
            var specs = new Librbd.ImageSpec[(int)count];
            fixed (Librbd.ImageSpec* pinned = specs)
            {
                var result = Librbd.rbd_list2(cluster.Io, pinned, ref count);
                if (result == -Errno.ERANGE)
                    continue;
                CephException.Check(result, "The pool's images could not be listed");
                var images = specs.Take((int)count).Select(spec => (Marshal.PtrToStringUTF8(spec.Name)!, Marshal.PtrToStringUTF8(spec.Id)!)).ToList();
                Librbd.rbd_image_spec_list_cleanup(pinned, count);
                return images;
            }
        }
    }

    /// <summary>Whether the image of an internal id has a header.</summary>
    public static bool Exists(CephCluster cluster, string id)
    {
        CallPulse.Beat();
        var result = Librados.rados_stat(cluster.Io, HeaderOf(id), out _, out _);
        return result != -Errno.ENOENT && CephException.Check(result, "An image's header could not be examined") >= 0;
    }

    /// <summary>When an image's header last changed; null when it is gone.</summary>
    public static DateTimeOffset? ModifiedAt(CephCluster cluster, string id)
    {
        CallPulse.Beat();
        return Librados.rados_stat(cluster.Io, HeaderOf(id), out _, out var modified) >= 0 ? DateTimeOffset.FromUnixTimeSeconds(modified) : null;
    }

    /// <summary>The object that holds an image's snapshots and metadata.</summary>
    public static string HeaderOf(string id) => $"rbd_header.{id}";

    // Comes from a thread of librbd's.
    [UnmanagedCallersOnly]
    private static int OnProgress(ulong done, ulong total, nint argument)
    {
        (GCHandle.FromIntPtr(argument).Target as CallPulse)?.Sign();
        return 0;
    }
}
